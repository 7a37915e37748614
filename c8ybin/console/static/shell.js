// What stands around each view: the name, where one can go, who is signed in, the language.

import { h } from "./dom.js";
import { account, become } from "./session.js";
import { to } from "./router.js";
import { chooseLanguage, language, LANGUAGES, t } from "./words.js";

/** Make the name, with its mark. */
export function wordmark(tag, attributes = {}) {
  return h(tag, { class: "wordmark", ...attributes }, h("img", { class: "mark", src: "console/icon.svg", alt: "", width: 18, height: 18 }), "c8ybin");
}

/** Make the choice of the language. */
export function languageChoice() {
  const options = Object.entries(LANGUAGES).map(([tag, name]) =>
    h("option", { value: tag, lang: tag, selected: tag === language }, name),
  );
  const choice = h("select", { id: "language", class: "quiet", "aria-label": t("shell.language") }, options);
  choice.addEventListener("change", async () => {
    await chooseLanguage(choice.value);
    dispatchEvent(new Event("c8ybin:language"));
    document.getElementById("language")?.focus();
  });
  return choice;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

/** Make the frame; `show` puts a view's node into it and marks where one is. */
export function shell(signOut) {
  const links = ["events", "overview"].map((name) => h("a", { href: to(name) }, t(`shell.${name}`)));
  const main = h("main", { id: "main", tabindex: "-1" });
  const node = h(
    "div",
    { class: "shell" },
    h("a", { class: "skip", href: "#main", onclick: skip }, t("shell.skip")),
    h(
      "header",
      { class: "bar" },
      wordmark("a", { href: to("events") }),
      h("nav", { "aria-label": t("shell.nav") }, links),
      h(
        "div",
        { class: "who" },
        languageChoice(),
        h("span", { class: "muted name" }, account().name),
        h("button", { class: "quiet", type: "button", onclick: () => signOut().then(() => become(null)) }, t("shell.signout")),
      ),
    ),
    main,
  );
  function show(view, name) {
    main.replaceChildren(view);
    links.forEach((link, number) => {
      const current = number === (name === "overview" ? 1 : 0);
      if (current) link.setAttribute("aria-current", name === "event" ? "true" : "page");
      else link.removeAttribute("aria-current");
    });
  }
  return { node, show };
}
