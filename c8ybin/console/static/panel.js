// The attachment on an event's page: its facts, its preview, and what can be done with it.

import { ask, binaryPath } from "./api.js";
import { parseRange, progressText } from "./attachment.js";
import { confirmed } from "./dialog.js";
import { announce, h } from "./dom.js";
import { moment, size } from "./format.js";
import { download } from "./download.js";
import { icon } from "./icons.js";
import { pickFiles } from "./pick.js";
import { preview } from "./preview.js";
import { mayChange } from "./session.js";
import { deleteLater } from "./undo.js";
import { isUploading, remembered, resume, upload } from "./uploads.js";
import { t } from "./words.js";

const DIGEST_AGAIN_MS = 1500;

function hex(digest) {
  const base64 = /sha-256=:([^:]+):/.exec(digest ?? "")?.[1];
  return base64 && [...atob(base64)].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

/** Attach one file to an event, or put it in the place of what is there, once the person has said so. */
export async function attach(event, file, { asked = false } = {}) {
  const binary = event.c8y_IsBinary;
  const sentence = binary && t("replace.sentence", { old: binary.name, new: file.name });
  if (binary && !asked && !(await confirmed(t("replace.title"), sentence, t("replace.yes")))) return;
  await upload(file, { eventId: event.id, replaces: Boolean(binary) });
}

export function attachmentPanel(eventId) {
  let event = null;
  let running = null;
  let timer;
  const node = h("section", { class: "attachment card", "aria-labelledby": "attachment-title" });
  const stopping = new AbortController();

  async function tellDigest(place, changed, isAgain = false) {
    try {
      const answer = await ask("HEAD", binaryPath(eventId), { signal: stopping.signal });
      changed.textContent = moment(answer.headers.get("Last-Modified"));
      const digest = hex(answer.headers.get("Repr-Digest"));
      place.textContent = digest ?? t("attachment.nodigest");
      // That of a long file follows its upload.
      if (!digest && !isAgain) timer = setTimeout(() => tellDigest(place, changed, true), DIGEST_AGAIN_MS);
    } catch {
      place.textContent = changed.textContent = "–";
    }
  }

  async function save(button, binary) {
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    const label = button.lastChild;
    try {
      await download(eventId, binary.name, binary.length, (share) => {
        label.textContent = `${Math.floor(share * 100)} %`;
      });
      announce(t("download.done", { name: binary.name }));
    } catch (problem) {
      announce(problem.sentence ?? t("problem.0"), true);
    } finally {
      label.textContent = t("attachment.download");
      button.removeAttribute("aria-disabled");
    }
  }

  function removeAttachment(binary) {
    deleteLater({
      name: `attachment:${eventId}`,
      path: binaryPath(eventId),
      sentence: t("attachment.deleted", { name: binary.name }),
    });
  }

  function whole(binary) {
    const digest = h("dd", { class: "digest" }, "…");
    const changed = h("dd", {}, "…");
    tellDigest(digest, changed);
    running = preview(event, binary);
    const save_ = h("button", { type: "button", onclick: () => save(save_, binary) }, icon("download"), h("span", {}, t("attachment.download")));
    return [
      h(
        "div",
        { class: "panel-head" },
        h("h2", { id: "attachment-title" }, binary.name),
        h(
          "div",
          { class: "actions" },
          save_,
          mayChange() && [
            h("button", { type: "button", onclick: () => pickFiles(([file]) => attach(event, file, { asked: true })) }, icon("replace"), t("attachment.replace")),
            h("button", { type: "button", class: "danger", onclick: () => removeAttachment(binary) }, icon("trash"), t("attachment.delete")),
          ],
        ),
      ),
      running.node,
      h(
        "dl",
        { class: "facts" },
        h("dt", {}, t("attachment.type")),
        h("dd", {}, h("code", {}, binary.type)),
        h("dt", {}, t("attachment.size")),
        h("dd", {}, size(binary.length), h("span", { class: "muted" }, binary.length >= 1024 ? ` · ${t("size.bytes", { n: binary.length })}` : "")),
        h("dt", {}, "SHA-256"),
        digest,
        h("dt", {}, t("attachment.changed")),
        changed,
      ),
    ];
  }

  function discard() {
    deleteLater({ name: `attachment:${eventId}`, path: binaryPath(eventId), sentence: t("attachment.discarded") });
  }

  function incomplete(range, binary) {
    if (isUploading(eventId)) return h("p", { class: "incomplete" }, t("resume.running"));
    const { length } = parseRange(range);
    const known = remembered(eventId);
    const hint = known ? t("resume.known", { name: known.name }) : t(length ? "resume.unknown" : "resume.nolength", { size: size(length ?? 0) });
    return h(
      "div",
      { class: "incomplete" },
      h("p", {}, h("strong", {}, progressText(range)), " ", t(binary ? "resume.replacing" : "resume.what")),
      mayChange() && [
        h("p", { class: "muted" }, hint),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", class: "primary", onclick: () => pickFiles(([file]) => resume(file, { eventId, replaces: Boolean(binary), length })) }, icon("upload"), t("resume.choose")),
          // With an attachment there, a deletion would take that, too.
          !binary && h("button", { type: "button", class: "danger", onclick: discard }, icon("trash"), t("resume.discard")),
        ),
      ],
    );
  }

  function nothing() {
    return h(
      "div",
      { class: "dropzone" },
      icon("upload"),
      h("p", { class: "empty-title" }, t("attachment.none")),
      mayChange() && h("p", { class: "muted" }, t("attachment.none.hint")),
      mayChange() && h("button", { type: "button", class: "primary", onclick: () => pickFiles(([file]) => attach(event, file)) }, t("attachment.choose")),
    );
  }

  const file = h("div", {});
  const half = h("div", {});
  const made = new Map();
  node.append(file, half);

  /** Fill a part of the panel, but only if what it is made of has changed: a preview is not loaded for nothing. */
  function fill(place, facts, make) {
    const text = JSON.stringify(facts);
    if (made.get(place) === text) return;
    made.set(place, text);
    place.replaceChildren(...[make()].flat().filter(Boolean));
  }

  function other(isDeleted) {
    const heading = h("h2", { id: "attachment-title" }, t("attachment.title"));
    if (isDeleted) return [heading, h("p", { class: "muted" }, t("attachment.gone"))];
    return event.c8y_IsIncompleteBinary ? heading : [heading, nothing()];
  }

  return {
    node,
    /** Show what an event has; `isDeleted` where a deletion of it waits. */
    show(next, isDeleted) {
      event = next;
      const binary = isDeleted ? undefined : event.c8y_IsBinary;
      const part = isDeleted ? undefined : event.c8y_IsIncompleteBinary;
      fill(file, [binary, binary ? event.lastUpdated : isDeleted, !binary && Boolean(part)], () => {
        running?.stop();
        running = null;
        return binary ? whole(binary) : other(isDeleted);
      });
      // While this page sends it, the tray tells how far it is.
      fill(half, part && (isUploading(eventId) || [part, Boolean(binary)]), () => part && incomplete(part.range, binary));
    },
    stop() {
      running?.stop();
      clearTimeout(timer);
      stopping.abort();
    },
  };
}
