// The browser's picker of files.

import { h } from "./dom.js";

/** Let a person choose files; `picked` gets them, unless nothing was chosen. */
export function pickFiles(picked, { many = false } = {}) {
  document.querySelector("input.picker")?.remove();
  const input = h("input", { type: "file", class: "picker", multiple: many, hidden: true });
  input.addEventListener("change", () => {
    input.remove();
    if (input.files.length) picked([...input.files]);
  });
  // In the page, for some browsers forget an input that is nowhere.
  document.body.append(input);
  input.click();
}
