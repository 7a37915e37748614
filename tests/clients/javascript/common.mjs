// What the checks of @c8y/client share: a connection, and events to work with.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { BasicAuth, Client, EventBinaryService } from "@c8y/client";

export const setting = JSON.parse(process.argv[2]);
export const EVERY_BYTE = Buffer.from(Array.from({ length: 1280 }, (_, n) => n % 256));
export const TIME = "2026-11-24T12:00:00.000Z";
export const MISSING = "102522209"; // the ID of no event

export const checks = [];
export const check = (name, run) => checks.push({ check: name, run });

export const credentials = (user = "ann", password = setting[user]) => ({ tenant: "t100", user, password });
export const connect = (...account) => new Client(new BasicAuth(credentials(...account)), setting.url);

export const client = connect();
export const { event, core } = client;
export const attachments = new EventBinaryService(core);

let last = 1000;
export const newSource = () => String(++last);

// Creates an event, of a source that no other event has unless it is named.
export async function newEvent(more = {}) {
  const source = { id: newSource() };
  return (await event.create({ source, type: "c8y_Test", time: TIME, text: "a text", ...more })).data;
}

// Creates seven events of one source, a minute apart.
export async function series() {
  const source = newSource();
  const ids = [];
  for (let minute = 0; minute < 7; minute++) {
    ids.push((await newEvent({ source: { id: source }, time: `2026-11-24T12:0${minute}:00Z` })).id);
  }
  return { source, ids, backwards: [...ids].reverse() };
}

export const idsOf = ({ data }) => data.map(({ id }) => id);
export const list = async (filter) => idsOf(await event.list({ pageSize: 100, ...filter }));

export const bytesOf = async (res) => Buffer.from(await res.arrayBuffer());
export const download = async (id) => bytesOf(await attachments.download(id));

// EventBinaryService has no replacement; applications send it like this.
export const put = (id, body, headers, by = core) =>
  by.fetch(`/event/events/${id}/binaries`, { method: "PUT", body, headers });

export function file(name, data) {
  const path = `${setting.scratch}/${name}`;
  writeFileSync(path, data);
  return path;
}

// Expects what the services throw: the answer, and its JSON.
export async function refused(promise, status, error) {
  const thrown = await promise.then(() => assert.fail(`not refused with ${status}`), (reason) => reason);
  assert.equal(thrown.res?.status, status, thrown.stack);
  assert.equal(thrown.data.error, error);
  assert.ok(thrown.data.message && thrown.data.info);
  return thrown.data.message;
}
