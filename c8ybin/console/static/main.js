// Where a browser begins: the language, then the sign-in or the view that the address names.

import { announce } from "./dom.js";
import { receiveFiles } from "./drop.js";
import { eventView } from "./event.js";
import { eventsView } from "./events.js";
import { overviewView } from "./overview.js";
import { here, rememberList, to } from "./router.js";
import { account, onChange } from "./session.js";
import { shell } from "./shell.js";
import { signInView } from "./signin.js";
import { sendPending, undoRegion } from "./undo.js";
import { tray, restoreUploads } from "./tray.js";
import { loadWords, t } from "./words.js";

const app = document.getElementById("app");
const VIEWS = { events: eventsView, event: eventView, overview: overviewView };
let frame = null;
let view = null;
let shown = null;
// The list as it was left: its address, its rows, how far it was scrolled.
let left = null;

function begin(next, place) {
  view?.stop();
  view = next;
  shown = place;
  document.title = `${view.title} · c8ybin`;
}

function showSignIn(why) {
  frame = left = null;
  begin(signInView(why), null);
  app.replaceChildren(view.node);
  view.ready();
}

/** Show what the address names; the view that is there already goes on where only its filters differ. */
function route() {
  if (!frame) return;
  const place = here();
  if (place.name === "events") rememberList(place.params);
  if (place.name === "events" && shown?.name === "events") {
    shown = place;
    view.update(place.params);
    return;
  }
  const before = shown;
  if (before?.name === "events") left = { address: to("events", view.params()), kept: view.keep(), y: scrollY };
  const isBack = place.name === "events" && before?.name === "event" && left?.address === to("events", place.params);
  begin(VIEWS[place.name](place, isBack ? left.kept : undefined), place);
  frame.show(view.node, place.name);
  if (!before) return;
  scrollTo(0, isBack ? left.y : 0);
  // The next Tab begins at the top of the new view, and its heading is read; in the list where one came from.
  const heading = view.node.querySelector("h1");
  heading.setAttribute("tabindex", "-1");
  ((isBack && view.row(before.id)) || heading).focus({ preventScroll: true });
}

function showConsole() {
  frame = shell(sendPending);
  shown = null;
  app.replaceChildren(frame.node, tray(), undoRegion());
  restoreUploads();
  route();
}

function show(why) {
  if (account()) showConsole();
  else showSignIn(why);
}

await loadWords();
onChange((why) => {
  show(why);
  if (account()) announce(t("signin.welcome", { name: account().name }));
});
addEventListener("hashchange", () => {
  if (location.hash !== "#main") route();
});
addEventListener("c8ybin:language", () => show());
receiveFiles(() => (account() && shown ? { place: shown, view } : null));
show();
