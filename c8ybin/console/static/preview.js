// What an attachment looks like. Nothing of it is run: pixels, sound and PDF are given to the browser as just that,
// under a media type that is chosen here; everything else is text, HTML and SVG included.

import { ask, binaryPath } from "./api.js";
import { essence, kindOf } from "./attachment.js";
import { csvTable } from "./csv.js";
import { h } from "./dom.js";
import { size } from "./format.js";
import { icon } from "./icons.js";
import { jsonNodes } from "./jsonview.js";
import { t } from "./words.js";

const TEXT_BYTES = 256 * 1024;
// More is loaded only when asked for.
const UNASKED_BYTES = 8 * 1024 * 1024;

function decode(bytes, type) {
  const charset = /charset="?([^";\s]+)/i.exec(type)?.[1];
  let decoder;
  try {
    decoder = new TextDecoder(charset ?? "utf-8");
  } catch {
    decoder = new TextDecoder();
  }
  // As a stream: a character that the range cut in two is left out.
  return decoder.decode(bytes, { stream: true });
}

function textBox(content, isWrapped) {
  const box = h("pre", { class: "scroll text", tabindex: "0", role: "region", "aria-label": t("preview.text") }, content);
  box.classList.toggle("wrapped", isWrapped);
  const wrap = h("input", { type: "checkbox", id: "wrap", checked: isWrapped, onchange: () => box.classList.toggle("wrapped", wrap.checked) });
  return h("div", {}, h("div", { class: "preview-tools" }, wrap, h("label", { for: "wrap" }, t("preview.wrap"))), box);
}

async function loadText(event, binary, kind, signal) {
  const isWhole = binary.length <= TEXT_BYTES;
  const headers = isWhole ? {} : { Range: `bytes=0-${TEXT_BYTES - 1}` };
  const answer = await ask("GET", binaryPath(event.id), { headers, signal });
  const text = decode(await answer.arrayBuffer(), binary.type);
  const part = isWhole ? null : t("preview.part", { shown: size(TEXT_BYTES), size: size(binary.length) });
  if (kind === "csv") {
    const { node, note } = csvTable(text, isWhole);
    return [node, note];
  }
  if (kind === "json" && isWhole) {
    try {
      JSON.parse(text);
      return [textBox(jsonNodes(text), false)];
    } catch {
      return [textBox(text, true), t("preview.badjson")];
    }
  }
  // Logs are read by their columns; where there is no room for these, lines are wrapped.
  return [textBox(text, kind !== "text" || matchMedia("(max-width: 640px)").matches), part];
}

function failing(node, type) {
  node.addEventListener("error", () => node.replaceWith(h("p", { class: "muted" }, t("preview.unreadable", { type }))));
  return node;
}

async function loadMedia(event, binary, kind, own, signal) {
  const answer = await ask("GET", binaryPath(event.id), { signal });
  const type = essence(binary.type, binary.name);
  // The type is one of those that kindOf lets through, whatever the bytes are: a browser never takes it for a page.
  const url = URL.createObjectURL(new Blob([await answer.arrayBuffer()], { type }));
  own(url);
  if (kind === "image") return [failing(h("img", { src: url, alt: binary.name, class: "picture" }), type)];
  if (kind === "pdf") return [h("iframe", { src: `${url}#navpanes=0&view=FitH`, class: "pages", title: binary.name })];
  return [failing(h(kind, { src: url, controls: true, preload: "metadata", "aria-label": binary.name }), type)];
}

/** Show an event's attachment; `stop` lets go what it holds. */
export function preview(event, binary) {
  const kind = kindOf(binary.type, binary.name);
  const node = h("div", { class: "preview", "aria-live": "off" });
  const stopping = new AbortController();
  const urls = [];

  async function load() {
    node.replaceChildren(h("p", { class: "muted loading" }, t("preview.loading")));
    try {
      const isText = ["text", "csv", "json"].includes(kind);
      const [content, note] = isText
        ? await loadText(event, binary, kind, stopping.signal)
        : await loadMedia(event, binary, kind, (url) => urls.push(url), stopping.signal);
      node.replaceChildren(content, ...(note ? [h("p", { class: "muted note" }, note)] : []));
    } catch (problem) {
      if (stopping.signal.aborted) return;
      node.replaceChildren(
        h("p", { class: "refusal" }, problem.sentence ?? String(problem)),
        h("button", { type: "button", onclick: load }, t("preview.again")),
      );
    }
  }

  const say = (key, name = "file") => node.replaceChildren(h("div", { class: "nothing" }, icon(name), h("p", { class: "muted" }, t(key))));
  if (!binary.length) say("preview.empty");
  else if (kind === "other" || (kind === "pdf" && !navigator.pdfViewerEnabled)) say("preview.none");
  else if (binary.length > UNASKED_BYTES && !["text", "csv", "json"].includes(kind)) {
    node.replaceChildren(h("button", { type: "button", onclick: load }, t("preview.load", { size: size(binary.length) })));
  } else load();

  return {
    node,
    stop() {
      stopping.abort();
      urls.forEach((url) => URL.revokeObjectURL(url));
    },
  };
}
