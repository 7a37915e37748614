// Sign in: a form, and a sentence where it does not work.

import { ask, Problem } from "./api.js";
import { announce, h } from "./dom.js";
import { duration } from "./format.js";
import { basic, become } from "./session.js";
import { t } from "./words.js";
import { languageChoice, wordmark } from "./shell.js";

async function enter(name, password) {
  const authorization = basic(name, password);
  const user = await (await ask("GET", "user/currentUser", { authorization })).json();
  const roles = user.effectiveRoles.map((role) => role.name);
  return { name: user.userName, roles, authorization };
}

function refusal(problem) {
  if (!(problem instanceof Problem)) throw problem;
  if (problem.status === 401) return t("signin.wrong");
  if (problem.status === 429) return t("signin.later", { wait: duration(problem.retryAfterS || 5) });
  return problem.sentence;
}

/** Show the form; `why` is a key of what led here, if it was not the person. */
export function signInView(why) {
  const name = h("input", { id: "user", name: "username", autocomplete: "username", required: true, autocapitalize: "none", spellcheck: "false" });
  const password = h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true });
  const said = h("p", { class: "refusal", id: "refusal" }, why ? t(why) : "");
  said.hidden = !why;
  const button = h("button", { class: "primary", type: "submit" }, t("signin.submit"));

  async function submit(event) {
    event.preventDefault();
    button.setAttribute("aria-disabled", "true");
    try {
      become(await enter(name.value.trim(), password.value));
    } catch (error) {
      said.textContent = refusal(error);
      said.hidden = false;
      announce(said.textContent, true);
      password.select();
      password.focus();
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  const node = h(
    "main",
    { class: "signin", id: "main", tabindex: "-1" },
    h(
      "div",
      { class: "card" },
      wordmark("h1"),
      h("p", { class: "muted" }, t("signin.what")),
      h(
        "form",
        { onsubmit: submit, "aria-describedby": "refusal" },
        h("label", { for: "user" }, t("signin.user")),
        name,
        h("label", { for: "password" }, t("signin.password")),
        password,
        said,
        button,
      ),
    ),
    languageChoice(),
  );
  return { title: t("signin.title"), node, ready: () => name.focus(), stop() {} };
}
