// JSON, indented and tinted, as it was written: as values, long numbers would be rounded, and of two members of one
// name the first would be gone.

import { h } from "./dom.js";

const PIECE = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;
// What is deeper is not indented more, or a few thousand brackets would make megabytes of spaces.
const DEEPEST = 50;
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
// A browser lays out some ten thousand pieces of text without a pause, and not more.
const TINTED_CHARACTERS = 100_000;

function tinted(text) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    pieces.push(text.slice(end, match.index));
    const [whole, string, colon, word] = match;
    const kind = colon !== undefined ? "key" : string !== undefined ? "string" : word !== undefined ? "word" : "number";
    pieces.push(h("span", { class: `json-${kind}` }, colon === undefined ? whole : string));
    if (colon !== undefined) pieces.push(colon);
    end = match.index + whole.length;
  }
  pieces.push(text.slice(end));
  return pieces;
}

function indented(text) {
  let out = "";
  let depth = 0;
  let before = "";
  for (const [piece] of text.matchAll(PIECE)) {
    const closes = "}]".includes(piece);
    const follows = before !== "" && "{[".includes(before);
    if (closes) depth -= 1;
    if (before === "," || closes !== follows) out += `\n${"  ".repeat(Math.min(depth, DEEPEST))}`;
    out += piece === ":" ? ": " : piece;
    if ("{[".includes(piece)) depth += 1;
    before = piece;
  }
  return out;
}

/** Show what is valid JSON. */
export function jsonNodes(json) {
  const text = indented(json);
  return text.length > TINTED_CHARACTERS ? [text] : tinted(text);
}
