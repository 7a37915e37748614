// @c8y/client: accounts, and errors as its services throw them.

import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { EventBinaryService } from "@c8y/client";
import { EVERY_BYTE, MISSING, TIME, attachments, check, connect, core, download, event } from "./common.mjs";
import { file, newEvent, put, refused, setting } from "./common.mjs";

const FORBIDDEN = "security/Forbidden";
const UNAUTHORIZED = "security/Unauthorized";
const INVALID = "undefined/validationError";

check("a wrong password is thrown as 401 and shows no dialog in a browser", async () => {
  const wrong = connect("ann", "wrong");
  const message = await refused(wrong.event.list(), 401, UNAUTHORIZED);
  assert.equal(message, "Invalid credentials! : Bad credentials");
  await refused(new EventBinaryService(wrong.core).upload(EVERY_BYTE, MISSING), 401, UNAUTHORIZED);
  const res = await wrong.core.fetch("/event/events");
  assert.match(res.headers.get("www-authenticate"), /^XBasic /);
});

check("an account that only reads is refused the rest", async () => {
  const made = await newEvent();
  await attachments.upload(EVERY_BYTE, made);
  const reader = connect("reader");
  const binaries = new EventBinaryService(reader.core);
  assert.deepEqual((await reader.event.detail(made)).data.id, made.id);
  assert.equal((await binaries.download(made)).status, 200);
  await refused(reader.event.create({ text: "x" }), 403, FORBIDDEN);
  await refused(reader.event.update({ id: made.id, text: "x" }), 403, FORBIDDEN);
  await refused(reader.event.delete(made), 403, FORBIDDEN);
  await refused(binaries.upload(EVERY_BYTE, made), 403, FORBIDDEN);
  await refused(binaries.delete(made), 403, FORBIDDEN);
  assert.equal((await put(made.id, "x", {}, reader.core)).status, 403);
  assert.deepEqual(await download(made), EVERY_BYTE);
});

check("what is not there is thrown as 404", async () => {
  for (const id of [MISSING, "no-number", 0]) {
    await refused(event.detail(id), 404, "event/Not Found");
    await refused(event.update({ id, text: "x" }), 404, "event/Not Found");
    await refused(event.delete(id), 404, "event/Not Found");
    await refused(attachments.download(id), 404, "event/Not Found");
    await refused(attachments.upload(EVERY_BYTE, id), 404, "event/Not Found");
    await refused(attachments.delete(id), 404, "event/Not Found");
  }
  const { id } = await newEvent();
  assert.equal(await refused(attachments.download(id), 404, "Not Found"), "Attachment not found");
  await refused(attachments.delete(id), 404, "Not Found");
});

check("a second attachment is thrown as 409 and the first stays", async () => {
  const { id } = await newEvent();
  await attachments.upload(EVERY_BYTE, id);
  const second = createReadStream(file("second.txt", "second"));
  assert.equal(await refused(attachments.upload(second, id), 409, "Duplicate"), "Attachment already exists");
  assert.deepEqual(await download(id), EVERY_BYTE);
});

check("too long an attachment is thrown as 413", async () => {
  const { id } = await newEvent();
  const data = Buffer.alloc(Number(setting.max_binary) + 1);
  for (const body of [data, createReadStream(file("long.bin", data))]) {
    const thrown = await attachments.upload(body, id).catch((reason) => reason);
    assert.equal(thrown.res?.status, 413, thrown.stack);
  }
  assert.equal((await put(id, data, {})).status, 413);
  await refused(attachments.download(id), 404, "Not Found");
});

check("missing fields are thrown as 422 that names them", async () => {
  const message = await refused(event.create({ source: { id: "1" }, time: TIME }), 422, INVALID);
  assert.equal(message, "Following mandatory fields should be included: type,text");
});

check("a change of what cannot be changed is thrown as 422", async () => {
  const made = await newEvent();
  for (const change of [{ type: "c8y_Other" }, { time: "2026-11-25T12:00:00Z" }, { source: { id: "x" } }]) {
    await refused(event.update({ id: made.id, ...change }), 422, INVALID);
  }
  assert.deepEqual((await event.detail(made)).data, made);
});

check("a filter that cannot be read is thrown as 422 that names it", async () => {
  const wrong = { dateFrom: "yesterday", pageSize: 0, currentPage: -1, revert: "maybe" };
  for (const [name, value] of Object.entries(wrong)) {
    assert.match(await refused(event.list({ [name]: value }), 422, INVALID), new RegExp(name));
  }
});

check("a JSON that is none is answered with 400", async () => {
  const headers = { "content-type": "application/json", accept: "application/json" };
  const res = await core.fetch("/event/events", { method: "POST", body: "{", headers });
  assert.equal(res.status, 400);
  assert.ok((await res.json()).message);
});
