// Dialogs: the browser's own, which keep the focus within and give it back.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./words.js";

/** Open a dialog with a title; returns what closes it. `closed` is called in the end, however it ended. */
export function openDialog(title, content, closed = () => {}) {
  const close = () => node.close();
  const node = h(
    "dialog",
    { "aria-labelledby": "dialog-title" },
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id: "dialog-title" }, title),
      h("button", { type: "button", class: "quiet square", "aria-label": t("dialog.close"), onclick: close }, icon("close")),
    ),
    content,
  );
  node.addEventListener("close", () => {
    node.remove();
    closed();
  });
  document.body.append(node);
  node.showModal();
  return close;
}

/** Ask whether to go on; resolves to true or false. */
export function confirmed(title, sentence, action) {
  return new Promise((resolve) => {
    let answer = false;
    const yes = () => {
      answer = true;
      close();
    };
    const close = openDialog(
      title,
      h(
        "div",
        { class: "dialog-body" },
        h("p", {}, sentence),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", onclick: () => close() }, t("dialog.cancel")),
          h("button", { type: "button", class: "primary", onclick: yes }, action),
        ),
      ),
      () => resolve(answer),
    );
  });
}
