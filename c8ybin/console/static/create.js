// Create an event, with a file or without; several files become an event each.

import { createEvent } from "./api.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { size } from "./format.js";
import { icon } from "./icons.js";
import { pickFiles } from "./pick.js";
import { go } from "./router.js";
import { upload } from "./uploads.js";
import { t } from "./words.js";

const LAST = "c8ybin.last";

function last() {
  try {
    return JSON.parse(sessionStorage.getItem(LAST)) ?? {};
  } catch {
    return {};
  }
}

/** Write a moment as a field for local time takes it. */
function localTime(date) {
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function readFragments(text) {
  if (!text.trim()) return {};
  const value = JSON.parse(text);
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new SyntaxError("not an object");
  return value;
}

/** Open the form; `params` are the filters of the list, `files` what was dropped or pasted. */
export function openCreate({ params = {}, files = [] } = {}) {
  let chosen = files;
  const before = last();
  const source = h("input", { id: "new-source", required: true, maxlength: 255, value: params.source ?? before.source ?? "", autocomplete: "off", spellcheck: "false" });
  const type = h("input", { id: "new-type", required: true, value: params.type ?? before.type ?? "", autocomplete: "off", spellcheck: "false", placeholder: "c8y_Logfile" });
  const text = h("input", { id: "new-text", autocomplete: "off" });
  const time = h("input", { id: "new-time", type: "datetime-local", step: 1, required: true, value: localTime(new Date()) });
  const fragments = h("textarea", { id: "new-fragments", rows: 4, spellcheck: "false", placeholder: '{ "c8y_Position": { "lat": 52.5, "lng": 13.4 } }', "aria-describedby": "fragments-hint" });
  // Within the dialog, for what is outside is not read while it is open.
  const said = h("p", { class: "refusal", role: "alert", hidden: true });
  const list = h("ul", { class: "chosen" });
  const submit = h("button", { type: "submit", class: "primary" });
  const pick = h("button", { type: "button", onclick: () => pickFiles((more) => choose([...chosen, ...more]), { many: true }) }, icon("add"), t("create.pick"));

  function choose(next) {
    chosen = next;
    list.replaceChildren(
      ...chosen.map((file) =>
        h(
          "li",
          {},
          h("span", { class: "chip-name" }, file.name),
          h("span", { class: "muted" }, size(file.size)),
          h("button", { type: "button", class: "quiet square", "aria-label": t("create.leaveout", { name: file.name }), onclick: () => (choose(chosen.filter((one) => one !== file)), pick.focus()) }, icon("close")),
        ),
      ),
    );
    text.required = !chosen.length;
    text.placeholder = chosen.length ? t("create.byname") : "";
    submit.textContent = t("create.submit", { n: Math.max(1, chosen.length) });
  }

  function refuse(sentence, field) {
    said.textContent = sentence;
    said.hidden = false;
    field?.focus();
  }

  async function create(event) {
    event.preventDefault();
    let more;
    try {
      more = readFragments(fragments.value);
    } catch {
      refuse(t("create.badjson"), fragments);
      return;
    }
    const common = { ...more, source: { id: source.value.trim() }, type: type.value.trim(), time: new Date(time.value).toISOString() };
    sessionStorage.setItem(LAST, JSON.stringify({ source: common.source.id, type: common.type }));
    try {
      if (!chosen.length) {
        const made = await createEvent({ ...common, text: text.value });
        close();
        go(`events/${made.id}`);
        return;
      }
      if (chosen.length > 1) {
        for (const file of chosen) upload(file, { event: { ...common, text: text.value || file.name } });
        close();
        return;
      }
      await upload(chosen[0], { event: { ...common, text: text.value || chosen[0].name } });
      close();
    } catch (problem) {
      refuse(problem.sentence ?? String(problem));
    }
  }

  const field = (name, control, hint) => h("div", { class: "field" }, h("label", { for: control.id }, t(`create.${name}`)), control, hint);
  const form = h(
    "form",
    { class: "dialog-body create", onsubmit: create },
    h("div", { class: "pair" }, field("source", source), field("type", type)),
    h("div", { class: "pair wide-first" }, field("text", text), field("time", time)),
    h("details", {}, h("summary", {}, t("create.fragments")), field("fragments.label", fragments, h("p", { class: "muted hint", id: "fragments-hint" }, t("create.fragments.hint")))),
    h("div", { class: "files" }, list, pick),
    said,
    h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => close() }, t("dialog.cancel")), submit),
  );
  choose(files);
  const close = openDialog(files.length ? t("create.files", { n: files.length }) : t("create.title"), form);
  (source.value ? (type.value ? (files.length ? submit : text) : type) : source).focus();
}
