// Sizes, times and durations, as people of a language write them.

import { locale, t } from "./words.js";

const UNITS = ["KiB", "MiB", "GiB", "TiB"];

/** Write a number. */
export function count(value) {
  return new Intl.NumberFormat(locale).format(value);
}

/** Write a number of bytes: 12.3 MiB. */
export function size(bytes) {
  if (bytes < 1024) return t("size.bytes", { n: bytes });
  let value = bytes;
  let unit = -1;
  do {
    value /= 1024;
    unit += 1;
  } while (value >= 1023.95 && unit < UNITS.length - 1);
  const digits = value < 100 ? 1 : 0;
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value)} ${UNITS[unit]}`;
}

/** Write about how long some seconds are: 7 s, 3 min, 2 h. */
export function duration(seconds) {
  if (seconds < 90) return t("duration.seconds", { s: Math.max(1, Math.round(seconds)) });
  if (seconds < 5400) return t("duration.minutes", { m: Math.round(seconds / 60) });
  return t("duration.hours", { h: Math.round(seconds / 3600) });
}

/** Write the time of the day, to the second. */
export function clock(moment) {
  return new Date(moment).toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

/** Write a moment with its day. */
export function moment(value) {
  return new Date(value).toLocaleString(locale, { dateStyle: "medium", timeStyle: "medium" });
}

/** Return a name for a day that sorts: 2026-11-29, in local time. */
export function dayOf(moment) {
  const date = new Date(moment);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Write a day as a heading: Today, Yesterday, Friday, 27 November 2026. */
export function dayName(day) {
  const now = new Date();
  if (day === dayOf(now)) return t("day.today");
  if (day === dayOf(new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1))) return t("day.yesterday");
  return new Date(`${day}T12:00`).toLocaleDateString(locale, {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
  });
}

/** Write a day of UTC shortly: 29 Nov. */
export function shortDay(day) {
  return new Date(`${day}T00:00Z`).toLocaleDateString(locale, { day: "numeric", month: "short", timeZone: "UTC" });
}
