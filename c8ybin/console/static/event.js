// An event's page: what it says, its fragments, its attachment.

import { ask, eventPath } from "./api.js";
import { attachmentPanel } from "./panel.js";
import { h } from "./dom.js";
import { moment } from "./format.js";
import { icon } from "./icons.js";
import { jsonNodes } from "./jsonview.js";
import { Poll } from "./poll.js";
import { go, listAddress, to } from "./router.js";
import { mayChange } from "./session.js";
import { deleteLater, isHidden, onHidden } from "./undo.js";
import { onUploaded } from "./uploads.js";
import { t } from "./words.js";

const EVERY_MS = 5000;
const OWN = new Set(["id", "self", "creationTime", "lastUpdated", "source", "type", "time", "text", "c8y_IsBinary", "c8y_IsIncompleteBinary"]);

function fragment(name, value) {
  const isSimple = value === null || typeof value !== "object";
  const id = `fragment-${name.replace(/\W/g, "_")}`;
  return h(
    "section",
    { class: "fragment", "aria-labelledby": id },
    h("h3", { id }, name),
    h("pre", { class: isSimple ? "simple" : "scroll text", tabindex: isSimple ? null : "0", role: isSimple ? null : "group", "aria-label": isSimple ? null : name }, jsonNodes(JSON.stringify(value))),
  );
}

function facts(event) {
  const rows = [
    ["time", h("time", { datetime: event.time }, moment(event.time))],
    ["source", h("a", { href: to("events", { source: event.source.id }) }, event.source.id)],
    ["type", h("a", { href: to("events", { type: event.type }) }, event.type)],
    ["id", h("code", {}, event.id)],
    ["created", moment(event.creationTime)],
    ["updated", moment(event.lastUpdated)],
  ];
  return h("dl", { class: "facts" }, rows.map(([name, value]) => [h("dt", {}, t(`event.${name}`)), h("dd", {}, value)]));
}

export function eventView({ id }) {
  let event = null;
  let etag = null;
  const title = h("h1", {}, t("event.loading"));
  const said = h("p", { class: "refusal", hidden: true });
  const remove = h("button", { type: "button", class: "danger quiet", onclick: removeEvent, hidden: true }, icon("trash"), t("event.delete"));
  const about = h("div", { class: "about" });
  const rest = h("div", { class: "fragments" });
  const panel = attachmentPanel(id);
  const body = h("div", { class: "columns", hidden: true }, panel.node, h("aside", { "aria-label": t("event.about") }, about, rest));
  const node = h(
    "div",
    { class: "event" },
    h("a", { class: "back", href: listAddress() }, icon("back"), t("event.back")),
    h("div", { class: "head" }, title, h("div", { class: "actions" }, remove)),
    said,
    body,
  );

  function removeEvent() {
    deleteLater({
      name: id,
      path: eventPath(id),
      sentence: t("event.deleted", { text: event.text || event.type }),
      restored: () => go(`events/${id}`),
    });
    location.hash = listAddress();
  }

  function draw() {
    title.textContent = event.text || event.type;
    document.title = `${title.textContent} · c8ybin`;
    about.replaceChildren(h("h2", {}, t("event.about")), facts(event));
    const names = Object.keys(event).filter((name) => !OWN.has(name));
    rest.replaceChildren(...(names.length ? [h("h2", {}, t("event.fragments")), ...names.map((name) => fragment(name, event[name]))] : []));
    remove.hidden = !mayChange();
    body.hidden = false;
    panel.show(event, isHidden(`attachment:${id}`));
  }

  async function look(signal) {
    const headers = etag ? { "If-None-Match": etag } : {};
    const answer = await ask("GET", eventPath(id), { headers, signal });
    if (answer.status === 304) return;
    const next = await answer.json();
    // Not before: a look that was broken off here has shown nothing, and the next one must not be answered by 304.
    etag = answer.headers.get("ETag");
    event = next;
    draw();
  }

  const poll = new Poll(look, EVERY_MS, (state, problem) => {
    said.hidden = !problem;
    said.textContent = problem ? (problem.status === 404 ? t("event.missing") : problem.sentence) : "";
    if (problem?.status === 404) {
      title.textContent = t("event.missing.title");
      body.hidden = remove.hidden = true;
    }
  });
  poll.begin(look);
  // The server need not have anything new for what this page shows of it to change.
  function again() {
    if (event) draw();
    poll.now();
  }
  const forget = [onHidden(again), onUploaded((uploaded) => uploaded === id && again())];

  return {
    title: t("event.title"),
    node,
    id,
    event: () => event,
    stop() {
      poll.stop();
      panel.stop();
      forget.forEach((end) => end());
    },
  };
}
