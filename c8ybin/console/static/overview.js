// The overview: how much there is, events a day, bytes by type, what is incomplete, what the disk has left.

import { Problem, read } from "./api.js";
import { h, svg } from "./dom.js";
import { count, shortDay, size } from "./format.js";
import { Poll } from "./poll.js";
import { to } from "./router.js";
import { t } from "./words.js";

const EVERY_MS = 15_000;
// Of the plot, which is stretched to the width of the page.
const STEP = 24;
const HEIGHT = 150;

/** Where the server has no overview: the totals of lists. */
async function totals(signal) {
  const total = async (fragmentType) => {
    const query = { pageSize: 1, withTotalElements: true, fragmentType };
    return (await read("event/events", { query, signal })).statistics.totalElements;
  };
  const [events, attachments, incomplete] = await Promise.all([undefined, "c8y_IsBinary", "c8y_IsIncompleteBinary"].map(total));
  return { events, attachments, uploads: { incomplete } };
}

async function readOverview(signal) {
  try {
    return await read("c8ybin/overview", { signal });
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 404) return totals(signal);
    throw problem;
  }
}

function figure(key, value, link) {
  return h("div", { class: "figure" }, h("dt", {}, t(`overview.${key}`)), h("dd", {}, link ? h("a", { href: link }, value) : value));
}

function figures(overview) {
  return h(
    "dl",
    { class: "figures" },
    figure("events", count(overview.events), to("events")),
    figure("attachments", count(overview.attachments), to("events", { has: "file" })),
    overview.bytes !== undefined && figure("bytes", size(overview.bytes)),
    figure("incomplete", count(overview.uploads.incomplete), to("events", { has: "part" })),
  );
}

/** Draw a bar a day; the same numbers stand in a table for who does not see it. */
function plot(days) {
  const most = Math.max(1, ...days.map(({ events }) => events));
  const bars = days.map(({ day, events }, number) => {
    const height = events ? Math.max(2, (events / most) * HEIGHT) : 0;
    return svg(
      "g",
      {},
      svg("rect", { class: "hit", x: number * STEP, y: 0, width: STEP, height: HEIGHT }, svg("title", {}, `${shortDay(day)}: ${count(events)}`)),
      svg("rect", { class: "bar-rect", x: number * STEP + STEP * 0.14, y: HEIGHT - height, width: STEP * 0.72, height }),
    );
  });
  const sum = days.reduce((all, { events }) => all + events, 0);
  const label = t("overview.days.label", { n: sum, most, days: days.length });
  const named = [days[0], days[days.length >> 1], days.at(-1)];
  return h(
    "figure",
    {},
    h("p", { class: "muted note" }, label),
    svg("svg", { viewBox: `0 0 ${STEP * days.length} ${HEIGHT}`, preserveAspectRatio: "none", class: "plot", role: "img", "aria-label": label }, bars),
    h("div", { class: "axis", "aria-hidden": "true" }, named.map(({ day }) => h("span", {}, shortDay(day)))),
    h(
      "table",
      { class: "unseen" },
      h("caption", {}, t("overview.days")),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("overview.day")), h("th", { scope: "col" }, t("overview.events")))),
      h("tbody", {}, days.map(({ day, events }) => h("tr", {}, h("th", { scope: "row" }, shortDay(day)), h("td", {}, count(events))))),
    ),
  );
}

function types(rows) {
  const most = Math.max(1, ...rows.map(({ bytes }) => bytes));
  return h(
    "table",
    { class: "types" },
    h("thead", {}, h("tr", {}, ["type", "events", "bytes"].map((name) => h("th", { scope: "col", class: name !== "type" && "number" }, t(`overview.${name}`))))),
    h(
      "tbody",
      {},
      rows.map(({ type, events, bytes }) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, type === null ? t("overview.rest") : h("a", { href: to("events", { type }) }, type), h("meter", { min: 0, max: most, value: bytes, "aria-hidden": "true" })),
          h("td", { class: "number" }, count(events)),
          h("td", { class: "number" }, size(bytes)),
        ),
      ),
    ),
  );
}

function disk({ free, total, reserve }) {
  const usable = Math.max(0, free - reserve);
  const isLow = usable < Math.max(reserve, total / 50);
  return h(
    "div",
    { class: `disk ${isLow ? "low" : ""}` },
    h("p", {}, h("strong", {}, size(usable)), " ", t("overview.free", { total: size(total) })),
    h("meter", { min: 0, max: total, value: total - free, "aria-label": t("overview.used") }),
    h("p", { class: "muted" }, t(isLow ? "overview.low" : "overview.reserve", { reserve: size(reserve) })),
  );
}

export function overviewView() {
  const said = h("p", { class: "refusal", hidden: true });
  const body = h("div", { class: "overview-body" });
  const node = h("div", { class: "overview" }, h("div", { class: "head" }, h("h1", {}, t("overview.title"))), said, body);
  let shown = "";

  const card = (title, content, name = "") => h("section", { class: `card ${name}` }, h("h2", {}, title), content);
  const poll = new Poll(
    async (signal) => {
      const overview = await readOverview(signal);
      const text = JSON.stringify(overview);
      if (text === shown) return;
      shown = text;
      body.replaceChildren(
        figures(overview),
        ...[
          overview.days && card(t("overview.days"), plot(overview.days), "wide"),
          overview.types && card(t("overview.types"), overview.types.length ? types(overview.types) : h("p", { class: "muted" }, t("overview.notypes"))),
          overview.disk && card(t("overview.disk"), disk(overview.disk)),
        ].filter(Boolean),
        ...(overview.days ? [] : [h("p", { class: "muted" }, t("overview.lacks"))]),
      );
    },
    EVERY_MS,
    (_, problem) => {
      said.hidden = !problem;
      said.textContent = problem?.sentence ?? "";
    },
  );
  poll.begin(null);
  return { title: t("overview.title"), node, stop: () => poll.stop() };
}
