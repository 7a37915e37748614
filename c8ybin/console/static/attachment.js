// What a list and a page tell of an attachment: which kind it is, and how far it has come.

import { h } from "./dom.js";
import { size } from "./format.js";
import { icon } from "./icons.js";
import { t } from "./words.js";

const BY_ENDING = {
  png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", gif: "image/gif", webp: "image/webp", avif: "image/avif",
  bmp: "image/bmp", ico: "image/x-icon", svg: "image/svg+xml", csv: "text/csv", tsv: "text/tab-separated-values",
  json: "application/json", pdf: "application/pdf", mp3: "audio/mpeg", wav: "audio/wav", ogg: "audio/ogg",
  flac: "audio/flac", m4a: "audio/mp4", mp4: "video/mp4", webm: "video/webm", html: "text/html", htm: "text/html",
  xml: "application/xml", txt: "text/plain", log: "text/plain", md: "text/markdown", yaml: "text/yaml", yml: "text/yaml",
  toml: "text/plain", ini: "text/plain", conf: "text/plain", sh: "text/plain", py: "text/plain", js: "text/plain",
};
// Only what a browser decodes as pixels, sound or pages of paper is given to it as what it is.
const IMAGES = new Set(["png", "jpeg", "gif", "webp", "avif", "bmp", "x-icon", "vnd.microsoft.icon", "apng"]);
const TEXTS = /^(application\/(xml|xhtml\+xml|javascript|ecmascript|yaml|x-yaml|toml|x-sh|sql|x-ndjson|rtf)|.*\+xml)$/;
const ICONS = { image: "image", text: "text", csv: "table", json: "braces", audio: "play", video: "play", pdf: "text", other: "file" };

/** Return the media type alone, by the file's name where it is told to be just bytes. */
export function essence(type, name) {
  const told = type.split(";")[0].trim().toLowerCase();
  if (told && told !== "application/octet-stream") return told;
  return BY_ENDING[name.split(".").pop().toLowerCase()] ?? "application/octet-stream";
}

/** Return how it is shown: image, text, csv, json, pdf, audio, video, other. HTML and SVG are text. */
export function kindOf(type, name) {
  const told = essence(type, name);
  const [family, member] = told.split("/");
  if (family === "image" && IMAGES.has(member)) return "image";
  if (family === "audio" || family === "video") return family;
  if (told === "application/pdf") return "pdf";
  if (told === "text/csv" || told === "text/tab-separated-values") return "csv";
  if (told === "application/json" || told.endsWith("+json")) return "json";
  if (family === "text" || TEXTS.test(told)) return "text";
  return "other";
}

/** Read ranges as the server writes them: "0-3,8-9/10" is [[0, 4], [8, 10]] and 10; null for a length not told. */
export function parseRange(text) {
  const [ranges, length] = text.split("/");
  const spans = ranges.split(",").map((range) => {
    const [start, stop] = range.split("-").map(Number);
    return [start, stop + 1];
  });
  return { spans, length: length === "*" ? null : Number(length) };
}

/** Return how many bytes some spans have. */
export function bytesIn(spans) {
  return spans.reduce((sum, [start, stop]) => sum + stop - start, 0);
}

/** Say how far an incomplete upload is. */
export function progressText(range) {
  const { spans, length } = parseRange(range);
  const here = bytesIn(spans);
  return length ? t("attachment.part", { percent: Math.floor((100 * here) / length) }) : t("attachment.some", { size: size(here) });
}

/** Show an event's attachment in a line. */
export function attachmentChip(event) {
  const binary = event.c8y_IsBinary;
  const upload = event.c8y_IsIncompleteBinary;
  const parts = [];
  if (binary) {
    parts.push(
      h(
        "span",
        { class: "chip" },
        icon(ICONS[kindOf(binary.type, binary.name)]),
        h("span", { class: "chip-name" }, binary.name),
        h("span", { class: "muted" }, size(binary.length)),
      ),
    );
  }
  if (upload) parts.push(h("span", { class: "chip part" }, icon("part"), progressText(upload.range)));
  return parts;
}
