// Deletions that wait some seconds for a change of mind. Only then are they sent; also when the page is left.

import { ask } from "./api.js";
import { announce, h } from "./dom.js";
import { t } from "./words.js";

const WAIT_MS = 7000;
const pending = new Map();
const hidden = new Set();
const listeners = new Set();
let region = null;

/** Tell whether an event or an attachment (`attachment:ID`) counts as deleted. */
export function isHidden(name) {
  return hidden.has(name);
}

/** Be told when that changes; returns what ends it. */
export function onHidden(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell() {
  for (const listener of [...listeners]) listener();
}

/** Make the place where deletions can be undone. */
export function undoRegion() {
  region = h("section", { class: "toasts", "aria-label": t("undo.region") }, [...pending.values()].map((one) => one.node));
  return region;
}

async function send(one, options = {}) {
  clearTimeout(one.timer);
  if (!pending.delete(one.name)) return;
  one.node.remove();
  let isGone = true;
  try {
    await ask("DELETE", one.path, options);
  } catch (problem) {
    // Somebody else deleted it: what was wanted.
    isGone = problem.status === 404;
    if (!isGone) announce(t("undo.failed", { reason: problem.sentence ?? "" }), true);
  }
  // No other event will ever have its ID, but another attachment may come.
  if (!isGone || one.name.startsWith("attachment:")) hidden.delete(one.name);
  tell();
}

/** Send what waits, at once. */
export async function sendPending(options) {
  await Promise.all([...pending.values()].map((one) => send(one, options)));
}

/**
 * Delete later.
 *
 * name: what counts as deleted from now on; path: its address; sentence: what happened; restored: called after Undo.
 */
export function deleteLater({ name, path, sentence, restored }) {
  const one = { name, path };
  const restart = () => {
    clearTimeout(one.timer);
    one.timer = setTimeout(() => send(one), WAIT_MS);
  };
  const undo = () => {
    clearTimeout(one.timer);
    pending.delete(name);
    one.node.remove();
    hidden.delete(name);
    tell();
    restored?.();
    announce(t("undo.done"));
  };
  const button = h("button", { type: "button", onclick: undo }, t("undo.undo"));
  one.node = h(
    "div",
    {
      class: "toast",
      // Whoever is about to press it has all the time.
      onpointerenter: () => clearTimeout(one.timer),
      onpointerleave: restart,
      onfocusin: () => clearTimeout(one.timer),
      onfocusout: restart,
    },
    h("span", {}, sentence),
    button,
  );
  pending.set(name, one);
  hidden.add(name);
  region?.append(one.node);
  restart();
  tell();
  announce(t("undo.said", { sentence }));
}

// A request that outlives the page.
addEventListener("pagehide", () => sendPending({ keepalive: true }));
