// The uploads, at the edge of the page whatever it shows.

import { arrange, h } from "./dom.js";
import { duration, size } from "./format.js";
import { icon } from "./icons.js";
import { pickFiles } from "./pick.js";
import { to } from "./router.js";
import { again, allUploads, dismiss, onUploads, restore, resume } from "./uploads.js";
import { t } from "./words.js";

const rows = new Map();
let node = null;
let list;
let heading;
let clear;

function told(one) {
  const share = t("upload.share", { sent: size(one.sent), total: size(one.total) });
  if (one.sentence) return one.sentence;
  if (one.state === "waiting") return t("upload.waiting");
  if (one.state === "done") return t("upload.complete", { size: size(one.total) });
  if (one.state === "left") return `${share} · ${t("upload.left")}`;
  if (one.state === "retrying") return `${share} · ${t(one.isReached ? "upload.busy" : "upload.retrying", { wait: duration(one.pauseMs / 1000) })}`;
  if (!one.rate) return share;
  const bytesPerS = one.rate * 1000;
  return `${share} · ${size(Math.round(bytesPerS))}/s · ${t("upload.timeleft", { time: duration((one.total - one.sent) / bytesPerS) })}`;
}

/** Make the row of an upload; `draw` brings it up to date and keeps its elements, and with them the focus. */
function makeRow(one) {
  const bar = h("progress", { max: 1, "aria-label": t("upload.progress", { name: one.name }) });
  const says = h("p", { class: "says" });
  const name = h("a", { class: "name" }, one.name);
  const choose = h("button", { type: "button", onclick: () => pickFiles(([file]) => resume(file, one)) }, t("resume.choose"));
  const retry = h("button", { type: "button", onclick: () => again(one) }, t("upload.again"));
  const end = h("button", { type: "button", class: "quiet square", onclick: () => dismiss(one) }, icon("close"));
  const row = h("li", {}, h("div", { class: "line" }, name, choose, retry, end), bar, says);
  function draw() {
    row.className = `upload ${one.state}`;
    if (one.eventId) name.href = to(`events/${one.eventId}`);
    bar.value = one.total ? one.sent / one.total : Number(one.state === "done");
    bar.hidden = one.state === "failed" || one.state === "done";
    const text = told(one);
    if (says.textContent !== text) says.textContent = text;
    choose.hidden = one.state !== "left";
    retry.hidden = !(one.state === "failed" && one.mayRetry);
    const isOver = ["done", "failed"].includes(one.state);
    const label = t(isOver ? "upload.dismiss" : "upload.cancel", { name: one.name });
    end.setAttribute("aria-label", label);
    end.title = label;
  }
  return { row, draw };
}

function draw() {
  const all = allUploads();
  for (const one of rows.keys()) if (!all.includes(one)) rows.delete(one);
  for (const one of all) if (!rows.has(one)) rows.set(one, makeRow(one));
  arrange(list, all.map((one) => rows.get(one).row));
  rows.forEach((row) => row.draw());
  const going = all.filter(({ state }) => ["waiting", "running", "retrying"].includes(state)).length;
  heading.textContent = going ? t("tray.going", { n: going }) : t("tray.title");
  clear.hidden = !all.some(({ state }) => state === "done");
  node.hidden = !all.length;
}

/** Make the tray. */
export function tray() {
  rows.clear();
  list = h("ul", {});
  heading = h("h2", { id: "tray-title" });
  clear = h(
    "button",
    { type: "button", class: "quiet", onclick: () => allUploads().filter(({ state }) => state === "done").forEach(dismiss) },
    t("tray.clear"),
  );
  node = h("section", { class: "tray", "aria-labelledby": "tray-title" }, h("div", { class: "line" }, heading, clear), list);
  draw();
  return node;
}

/** Show what an earlier page left. */
export function restoreUploads() {
  restore();
}

onUploads(() => node && draw());
