// Comma-separated values as a table (RFC 4180, and what spreadsheets of other countries write).

import { h } from "./dom.js";
import { t } from "./words.js";

const ROWS = 300;
const COLUMNS = 50;
const DELIMITERS = [",", ";", "\t", "|"];

/** Guess what parts the cells: whatever stands most often in the first line. */
export function delimiterOf(text) {
  const line = text.slice(0, text.search(/[\r\n]|$/));
  const counts = DELIMITERS.map((delimiter) => line.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))];
}

/** Split a text into rows of cells; at most `most` rows. */
export function parseCsv(text, delimiter, most) {
  const rows = [];
  let row = [];
  let cell = "";
  let isQuoted = false;
  for (let at = 0; at < text.length && rows.length < most; at += 1) {
    const c = text[at];
    if (isQuoted) {
      if (c !== '"') cell += c;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else isQuoted = false;
    } else if (c === '"' && cell === "") isQuoted = true;
    else if (c === delimiter) {
      row.push(cell);
      cell = "";
    } else if (c === "\n" || c === "\r") {
      if (c === "\r" && text[at + 1] === "\n") at += 1;
      row.push(cell);
      rows.push(row);
      row = [];
      cell = "";
    } else cell += c;
  }
  if ((cell || row.length) && rows.length < most) rows.push([...row, cell]);
  return rows;
}

const isNumber = (cell) => /^\s*-?[\d.,]+(e-?\d+)?\s*%?$/i.test(cell);

/** Show a text as a table; `isWhole` tells whether it is all of the file. */
export function csvTable(text, isWhole) {
  const delimiter = delimiterOf(text);
  const rows = parseCsv(text.replace(/^\ufeff/, ""), delimiter, ROWS + 2);
  // The last row of a part of a file may be half.
  if (!isWhole && rows.length < ROWS + 2) rows.pop();
  const [head = [], ...body] = rows;
  const shown = body.slice(0, ROWS);
  const cells = (row) => row.slice(0, COLUMNS);
  const table = h(
    "div",
    { class: "scroll table", tabindex: "0", role: "region", "aria-label": t("preview.table") },
    h(
      "table",
      { class: "cells" },
      h("thead", {}, h("tr", {}, cells(head).map((cell) => h("th", { scope: "col" }, cell)))),
      h("tbody", {}, shown.map((row) => h("tr", {}, cells(row).map((cell) => h("td", { class: isNumber(cell) && "number" }, cell))))),
    ),
  );
  const isCut = !isWhole || body.length > ROWS || rows.some((row) => row.length > COLUMNS);
  return { node: table, note: isCut ? t("preview.rows", { n: shown.length }) : null };
}
