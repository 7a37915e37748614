// @c8y/client: files are attached, downloaded, replaced and deleted.
//
// A stream is sent without its length, so in chunked transfer coding, and named after its path; a Buffer has no name.

import assert from "node:assert/strict";
import { createReadStream, readFileSync } from "node:fs";
import { EVERY_BYTE, attachments, bytesOf, check, download, event, file, list } from "./common.mjs";
import { newEvent, put, refused, setting } from "./common.mjs";

const upload = (name, data, event) => attachments.upload(createReadStream(file(name, data)), event);

check("a Buffer is attached without name and type", async () => {
  const { id } = await newEvent();
  const { res, data } = await attachments.upload(EVERY_BYTE, id);
  assert.equal(res.status, 201);
  const self = `${setting.url}/event/events/${id}/binaries`;
  const type = "application/octet-stream";
  const expected = { self, type, name: id, source: id, length: EVERY_BYTE.length };
  assert.deepEqual(data, expected);
  assert.deepEqual(await download(id), EVERY_BYTE);
});

check("a stream is attached with the name and type of its path", async () => {
  const made = await newEvent();
  const path = file("picture.png", EVERY_BYTE);
  const { data } = await attachments.upload(createReadStream(path), made);
  assert.deepEqual([data.name, data.type, data.length], ["picture.png", "image/png", EVERY_BYTE.length]);
  const res = await attachments.download(made);
  assert.equal(res.headers.get("content-type"), "image/png");
  assert.equal(res.headers.get("content-disposition"), 'attachment; filename="picture.png"');
  assert.equal(res.headers.get("content-length"), String(EVERY_BYTE.length));
  assert.deepEqual(await bytesOf(res), readFileSync(path));
});

check("a stream of an unknown kind is attached untyped", async () => {
  const { id } = await newEvent();
  const { data } = await upload("core.c8yunknown", "x", id);
  assert.deepEqual([data.name, data.type], ["core.c8yunknown", "application/octet-stream"]);
});

check("a name with umlauts is kept", async () => {
  const { id } = await newEvent();
  const name = "größe 100%.txt";
  assert.equal((await upload(name, "x", id)).data.name, name);
  const disposition = (await attachments.download(id)).headers.get("content-disposition");
  assert.match(disposition, /^attachment; filename\*=UTF-8''gr%C3%B6%C3%9Fe%20100%25\.txt; filename="/);
});

check("an empty stream is attached", async () => {
  const { id } = await newEvent();
  assert.equal((await upload("empty.txt", "", id)).data.length, 0);
  assert.equal((await download(id)).length, 0);
});

check("a file of the greatest length is attached", async () => {
  const { id } = await newEvent();
  const data = Buffer.alloc(Number(setting.max_binary), "c8ybin");
  await upload("great.bin", data, id);
  assert.ok((await download(id)).equals(data));
});

check("the event shows its attachment", async () => {
  const made = await newEvent();
  await upload("hello.txt", "hello", made);
  const { data } = await event.detail(made);
  assert.deepEqual(data.c8y_IsBinary, { type: "text/plain", name: "hello.txt", length: 5 });
  assert.ok(data.lastUpdated >= made.lastUpdated);
  assert.deepEqual(await list({ source: made.source.id, fragmentType: "c8y_IsBinary" }), [made.id]);
});

check("an attachment is replaced by core.fetch", async () => {
  const { id } = await newEvent();
  await upload("old.txt", "old", id);
  const res = await put(id, EVERY_BYTE, { "content-type": "image/png", accept: "application/json" });
  assert.equal(res.status, 201);
  const { name, type, source, length } = await res.json();
  assert.deepEqual({ name, type, source, length }, { name: id, type: "image/png", source: id, length: 1280 });
  assert.deepEqual(await download(id), EVERY_BYTE);
});

check("a replacement by a stream creates what is not there", async () => {
  const { id } = await newEvent();
  const res = await put(id, createReadStream(file("new.bin", EVERY_BYTE)), { "content-type": "x/y; v=1" });
  assert.equal(res.status, 201);
  assert.equal((await attachments.download(id)).headers.get("content-type"), "x/y; v=1");
  assert.deepEqual(await download(id), EVERY_BYTE);
});

check("an attachment is deleted and attached anew", async () => {
  const { id } = await newEvent();
  await attachments.upload(Buffer.from("old"), id);
  const { res, data } = await attachments.delete(id);
  assert.deepEqual([res.status, data], [204, null]);
  await refused(attachments.download(id), 404, "Not Found");
  assert.equal((await event.detail(id)).data.c8y_IsBinary, undefined);
  await attachments.upload(Buffer.from("new"), id);
  assert.equal(String(await download(id)), "new");
});

check("an event that is sent back keeps its attachment", async () => {
  const made = await newEvent();
  await attachments.upload(Buffer.from("kept"), made);
  const { data } = await event.detail(made);
  await event.update({ ...data, text: "changed" });
  assert.equal(String(await download(made)), "kept");
});
