// All uploads of this page, and those that an earlier one left: what they are, how far they are, what may be done.

import { ask, binaryPath, createEvent, eventPath, Problem, readLimits } from "./api.js";
import { bytesIn, parseRange } from "./attachment.js";
import { sendFile } from "./chunks.js";
import { announce } from "./dom.js";
import { size } from "./format.js";
import { account, onChange } from "./session.js";
import { t } from "./words.js";

const KEY = "c8ybin.upload.";
const TAB = "c8ybin.tab";
// What another tab has not touched for so long, it does not send any more.
const FORGOTTEN_MS = 20_000;
const AT_ONCE = 2;
// How fast the speed that is shown follows the last chunk.
const FOLLOWS = 0.3;

const uploads = [];
const changed = new Set();
const turned = new Set();

/** Be told of each change of any upload. */
export function onUploads(listener) {
  changed.add(listener);
}

/** Be told which event's upload has begun or ended; returns what ends that. */
export function onUploaded(listener) {
  turned.add(listener);
  return () => turned.delete(listener);
}

const tell = () => changed.forEach((listener) => listener());

function tab() {
  let name = sessionStorage.getItem(TAB);
  if (!name) sessionStorage.setItem(TAB, (name = String(Math.random())));
  return name;
}

/** What is kept of an upload, so that it goes on after a reload: everything but the file itself. */
function keep(one) {
  const { eventId, name, total, modified, replaces, made } = one;
  const kept = { eventId, name, size: total, modified, replaces, made, user: account()?.name, tab: tab(), at: Date.now() };
  try {
    localStorage.setItem(KEY + eventId, JSON.stringify(kept));
  } catch {
    // Without storage it goes on until the page is left.
  }
}

function drop(eventId) {
  localStorage.removeItem(KEY + eventId);
}

/** Return what is known of an incomplete upload to an event. */
export function remembered(eventId) {
  try {
    return JSON.parse(localStorage.getItem(KEY + eventId));
  } catch {
    return null;
  }
}

/** Tell whether this page is sending something to an event. */
export function isUploading(eventId) {
  return uploads.some((one) => one.eventId === eventId && ["waiting", "running", "retrying"].includes(one.state));
}

/** Return all, the oldest first. */
export function allUploads() {
  return uploads;
}

function refuse(one, sentence) {
  one.state = "failed";
  one.sentence = sentence;
  announce(t("upload.refused", { name: one.name, sentence }), true);
  tell();
}

function begin() {
  const running = uploads.filter((one) => one.state === "running" || one.state === "retrying").length;
  for (const one of uploads.filter(({ state }) => state === "waiting").slice(0, Math.max(0, AT_ONCE - running))) run(one);
}

async function run(one) {
  one.state = "running";
  one.stopping = new AbortController();
  one.rate = null;
  tell();
  try {
    if (!one.eventId) {
      one.eventId = (await createEvent(one.event)).id;
      one.made = true;
    }
    keep(one);
    const { chunkBytes } = await readLimits();
    await sendFile(one.file, {
      eventId: one.eventId,
      replaces: one.replaces,
      chunkBytes,
      signal: one.stopping.signal,
      progress({ sent, bytes, ms }) {
        const now = bytes / Math.max(1, ms);
        if (one.rate === null) turned.forEach((listener) => listener(one.eventId));
        one.rate = one.rate === null ? now : one.rate + FOLLOWS * (now - one.rate);
        one.sent = sent;
        one.state = "running";
        keep(one);
        tell();
      },
      retrying(ms, problem) {
        one.state = "retrying";
        one.pauseMs = ms;
        one.isReached = problem.status !== 0;
        tell();
      },
    });
    one.state = "done";
    drop(one.eventId);
    announce(t("upload.done", { name: one.name }));
  } catch (problem) {
    if (one.stopping.signal.aborted) return;
    if (!(problem instanceof Problem)) throw problem;
    // 409: what stands there now is somebody else's.
    one.isForeign = problem.status === 409;
    one.mayRetry = problem.status !== 413 && !one.isForeign;
    refuse(one, problem.status === 409 ? t("upload.conflict") : problem.sentence);
  } finally {
    tell();
    turned.forEach((listener) => listener(one.eventId));
    begin();
  }
}

/**
 * Send a file, after those that are being sent.
 *
 * eventId, replaces: to which event, and whether over its attachment; or event: what to create for it first.
 */
export async function upload(file, { eventId = null, replaces = false, event = null }) {
  const one = { file, eventId, replaces, event, name: file.name, total: file.size, modified: file.lastModified, sent: 0, state: "waiting", made: false };
  const { binaryBytes } = await readLimits();
  uploads.push(one);
  if (file.size > binaryBytes) {
    refuse(one, t("upload.toolarge", { size: size(file.size), limit: size(binaryBytes) }));
    return;
  }
  tell();
  begin();
}

/** Go on with an upload of which some is there, if the person chose the same file. */
export async function resume(file, { eventId, replaces, length = null }) {
  const known = remembered(eventId);
  const right = known ? known.name === file.name && known.size === file.size : length === null || length === file.size;
  const unlike = known ? t("resume.unlike", { name: known.name, size: size(known.size) }) : t("resume.length", { size: size(length ?? 0) });
  const sentence = !right ? unlike : known && known.modified !== file.lastModified ? t("resume.modified", { name: file.name }) : null;
  const waiting = uploads.find((one) => one.eventId === eventId && one.state === "left");
  if (sentence) {
    if (waiting) waiting.sentence = sentence;
    // It is no upload, and to dismiss it deletes nothing.
    else uploads.push({ name: file.name, total: file.size, sent: 0, state: "failed", sentence });
    announce(sentence, true);
    tell();
    return;
  }
  if (waiting) uploads.splice(uploads.indexOf(waiting), 1);
  await upload(file, { eventId, replaces });
}

/** Begin again what failed. */
export function again(one) {
  one.state = "waiting";
  one.sentence = null;
  tell();
  begin();
}

/** Take an upload out of the list; one that is not complete is given up, with the event that was made for it. */
export async function dismiss(one) {
  one.stopping?.abort();
  uploads.splice(uploads.indexOf(one), 1);
  tell();
  begin();
  const isHalf = one.state !== "done" && one.eventId && !one.isForeign;
  if (!isHalf) return;
  drop(one.eventId);
  try {
    if (one.made) await ask("DELETE", eventPath(one.eventId));
    // Over an attachment, a deletion would take that, too; what was sent expires.
    else if (!one.replaces && one.sent) await ask("DELETE", binaryPath(one.eventId));
  } catch (problem) {
    if (problem.status !== 404) announce(problem.sentence ?? "", true);
  }
  turned.forEach((listener) => listener(one.eventId));
}

/** Take in what an earlier page of this account left. */
export async function restore() {
  const known = new Set(uploads.map((one) => one.eventId));
  const left = Object.keys(localStorage)
    .filter((key) => key.startsWith(KEY))
    .map((key) => remembered(key.slice(KEY.length)))
    .filter((kept) => kept && kept.user === account()?.name && !known.has(kept.eventId))
    .filter((kept) => kept.tab === tab() || Date.now() - kept.at > FORGOTTEN_MS);
  for (const { eventId, name, size: total, modified, replaces, made } of left) {
    let event;
    try {
      event = await (await ask("GET", eventPath(eventId))).json();
    } catch (problem) {
      if (problem.status === 404) drop(eventId);
      continue;
    }
    const range = event.c8y_IsIncompleteBinary?.range;
    // All of it arrived, and only the answer was lost; or nothing did.
    if (!range && event.c8y_IsBinary && !replaces) {
      drop(eventId);
      continue;
    }
    const sent = range ? bytesIn(parseRange(range).spans) : 0;
    uploads.push({ eventId, name, total, modified, replaces, made, sent, state: "left" });
  }
  tell();
}

// What is being sent stops when the account goes; it is there again for who signs in and has the file.
onChange(() => {
  if (account()) return;
  for (const one of uploads.splice(0)) one.stopping?.abort();
});
