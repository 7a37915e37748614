// The list of events: newest first, live, filtered by what the address says, older ones when asked for.

import { read } from "./api.js";
import { attachmentChip } from "./attachment.js";
import { announce, arrange, h } from "./dom.js";
import { clock, dayName, dayOf, moment } from "./format.js";
import { filterForm, queryOf } from "./filters.js";
import { icon } from "./icons.js";
import { openCreate } from "./create.js";
import { Poll } from "./poll.js";
import { to } from "./router.js";
import { mayChange } from "./session.js";
import { isHidden, onHidden } from "./undo.js";
import { onUploaded } from "./uploads.js";
import { t } from "./words.js";

const PAGE = 50;
const EVERY_MS = 4000;

function newestFirst(a, b) {
  return b.time.localeCompare(a.time) || Number(b.id) - Number(a.id);
}

function fillRow(row, event) {
  row.replaceChildren(
    h(
      "a",
      { class: "row", href: to(`events/${event.id}`) },
      h("time", { datetime: event.time, title: moment(event.time) }, clock(event.time)),
      h("span", { class: "what" }, h("span", { class: "text" }, event.text || t("events.notext")), h("span", { class: "type" }, event.type)),
      h("span", { class: "source", title: t("events.source") }, event.source.id),
      h("span", { class: "attached" }, attachmentChip(event)),
    ),
  );
}

/** The rows that are shown, by day; a row keeps its element as long as its event is there. */
class Rows {
  constructor() {
    this.node = h("div", { class: "days" });
    this.events = new Map();
    this.rows = new Map();
    this.days = new Map();
  }

  /** Take events in; returns how many of them are new. */
  take(events) {
    let fresh = 0;
    for (const event of events) {
      const known = this.events.get(event.id);
      this.events.set(event.id, event);
      if (!known) {
        fresh += 1;
        this.rows.set(event.id, h("li", { "data-id": event.id }));
      }
      if (!known || JSON.stringify(known) !== JSON.stringify(event)) fillRow(this.rows.get(event.id), event);
    }
    return fresh;
  }

  /** Let go what is not on the newest page any more though it would be, had it not been deleted. */
  keepOnly(page, isWhole) {
    const there = new Set(page.map((event) => event.id));
    const last = page.at(-1);
    let gone = 0;
    for (const [id, event] of this.events) {
      const belongs = isWhole || !last || newestFirst(event, last) < 0;
      if (belongs && !there.has(id)) {
        this.events.delete(id);
        this.rows.delete(id);
        gone += 1;
      }
    }
    return gone;
  }

  sorted() {
    return [...this.events.values()].filter((event) => !isHidden(event.id)).sort(newestFirst);
  }

  draw() {
    const byDay = new Map();
    for (const event of this.sorted()) {
      const day = dayOf(event.time);
      if (!byDay.has(day)) byDay.set(day, []);
      byDay.get(day).push(this.rows.get(event.id));
    }
    const nodes = [...byDay].map(([day, rows]) => {
      if (!this.days.has(day)) {
        const list = h("ol", { class: "rows" });
        const heading = h("h2", { class: "day" });
        this.days.set(day, { list, heading, node: h("section", {}, heading, list) });
      }
      const { list, heading, node } = this.days.get(day);
      // Today is yesterday after midnight.
      if (heading.textContent !== dayName(day)) heading.textContent = dayName(day);
      arrange(list, rows);
      return node;
    });
    arrange(this.node, nodes);
    return nodes.length > 0;
  }
}

/** Show the list; `kept` is what an earlier one with the same filters returned from `keep`. */
export function eventsView(place, kept) {
  let params = place.params;
  let rows = kept?.rows ?? new Rows();
  let total = kept?.total ?? null;
  let isEnd = kept?.isEnd ?? false;
  let round = 0;
  const live = h("span", { class: "pulse" });
  const counted = h("span", {});
  const totals = h("p", { class: "muted totals" }, counted, live);
  const older = h("button", { type: "button", class: "older", onclick: loadOlder }, t("events.older"));
  const empty = h("div", { class: "empty" });
  const list = h("div", { class: "list" }, rows.node, empty, older);
  const filters = filterForm(params);
  const create = mayChange() && h("button", { type: "button", class: "primary", onclick: () => openCreate({ params }) }, icon("add"), t("events.create"));
  const node = h(
    "div",
    { class: "events" },
    h("div", { class: "head" }, h("div", {}, h("h1", {}, t("events.title")), totals), h("div", { class: "actions" }, create)),
    filters.unfold,
    filters.node,
    list,
  );
  older.hidden = true;
  empty.hidden = true;

  function draw() {
    const some = rows.draw();
    filters.suggest(rows.events.values());
    empty.hidden = some;
    if (!some) {
      const isFiltered = Object.values(queryOf(params)).some(Boolean);
      empty.replaceChildren(
        icon(isFiltered ? "table" : "upload"),
        h("p", { class: "empty-title" }, t(isFiltered ? "events.nothing" : "events.none")),
        h("p", { class: "muted" }, t(isFiltered ? "events.nothing.hint" : mayChange() ? "events.none.hint" : "events.none.reader")),
      );
    }
    older.hidden = isEnd || !some;
    counted.textContent = total === null ? "" : t("events.total", { n: total });
  }

  async function page(query, signal) {
    return read("event/events", { query: { ...queryOf(params), ...query, pageSize: PAGE }, signal });
  }

  async function first(signal) {
    const mine = (round += 1);
    const document = await page({ withTotalElements: true }, signal);
    if (mine !== round) return;
    rows = new Rows();
    list.replaceChild(rows.node, list.firstChild);
    rows.take(document.events);
    total = document.statistics.totalElements ?? null;
    isEnd = document.events.length < PAGE;
    draw();
  }

  /** Look at the newest page: what is new, what has changed, what is gone. */
  async function look(signal) {
    const mine = round;
    const { events } = await page({}, signal);
    if (mine !== round) return;
    const known = rows.events.size;
    const overlaps = events.some((event) => rows.events.has(event.id));
    if (known && events.length === PAGE && !overlaps) {
      await first(signal);
      announce(t("events.many"));
      return;
    }
    const fresh = rows.take(events);
    const gone = rows.keepOnly(events, events.length < PAGE);
    if (total !== null) total += fresh - gone;
    draw();
    if (fresh) announce(t("events.fresh", { n: fresh }));
    for (const event of events.slice(0, fresh ? PAGE : 0)) if (known) flash(rows.rows.get(event.id), event);
  }

  const seen = new Set();
  function flash(row, event) {
    if (seen.has(event.id)) return;
    seen.add(event.id);
    if (Date.now() - Date.parse(event.creationTime) < 60_000) row?.classList.add("fresh");
  }

  async function loadOlder() {
    const last = rows.sorted().at(-1);
    if (!last || older.getAttribute("aria-disabled")) return;
    const mine = round;
    older.setAttribute("aria-disabled", "true");
    const before = rows.events.size;
    try {
      // By the last one's time: pages by number would shift with every new event.
      for (let currentPage = 1; rows.events.size === before && !isEnd; currentPage += 1) {
        const { events } = await page({ dateTo: last.time, currentPage });
        if (mine !== round) return;
        rows.take(events);
        isEnd = events.length < PAGE;
      }
      draw();
      announce(t("events.loaded", { n: rows.events.size - before }));
    } catch (problem) {
      announce(problem.sentence ?? String(problem), true);
    } finally {
      older.removeAttribute("aria-disabled");
    }
  }

  const poll = new Poll(look, EVERY_MS, (state, problem) => {
    live.className = `pulse ${state}`;
    live.textContent = problem ? problem.sentence : t(`live.${state}`);
  });
  const forget = [onHidden(draw), onUploaded(() => poll.now())];
  const whenNear = new IntersectionObserver((entries) => entries[0].isIntersecting && !older.hidden && loadOlder(), { rootMargin: "400px" });
  whenNear.observe(older);
  if (kept) draw();
  poll.begin(kept ? null : first);

  return {
    title: t("events.title"),
    node,
    params: () => params,
    keep: () => ({ rows, total, isEnd }),
    row: (id) => rows.rows.get(id)?.firstChild,
    update(next) {
      params = next;
      filters.update(next);
      poll.begin(first);
    },
    stop() {
      poll.stop();
      forget.forEach((end) => end());
      whenNear.disconnect();
    },
  };
}
