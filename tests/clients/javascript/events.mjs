// @c8y/client: events are created, read, changed and deleted.

import assert from "node:assert/strict";
import { TIME, check, event, newEvent, refused, setting } from "./common.mjs";

check("an event comes back with an id and its times", async () => {
  const before = Date.now() - 1000;
  const { res, data } = await event.create({
    source: { id: "1" },
    type: "c8y_Test",
    time: TIME,
    text: "door open",
    c8y_Door: { open: true },
  });
  assert.equal(res.status, 201);
  assert.match(data.id, /^\d+$/);
  assert.equal(data.self, `${setting.url}/event/events/${data.id}`);
  assert.equal(res.headers.get("location"), data.self);
  assert.ok(Date.parse(data.creationTime) >= before && data.creationTime === data.lastUpdated);
  const read = await event.detail(data.id);
  assert.equal(read.res.status, 200);
  assert.deepEqual(read.data, data);
  assert.deepEqual(data.c8y_Door, { open: true });
});

check("an event is read by its number and by itself", async () => {
  const made = await newEvent();
  assert.deepEqual((await event.detail(Number(made.id))).data, made);
  assert.deepEqual((await event.detail(made)).data, made);
});

check("a change of the text keeps everything else", async () => {
  const made = await newEvent({ c8y_Door: { open: true } });
  const { res, data } = await event.update({ id: made.id, text: "changed" });
  assert.equal(res.status, 200);
  assert.deepEqual({ ...data, lastUpdated: 0 }, { ...made, text: "changed", lastUpdated: 0 });
});

check("an event is sent back whole with changed and removed fragments", async () => {
  const made = await newEvent({ c8y_Door: { open: true }, c8y_Lamp: "on" });
  const { data } = await event.update({ ...made, c8y_Door: { open: false }, c8y_Lamp: null, c8y_New: [1] });
  assert.deepEqual([data.c8y_Door, data.c8y_Lamp, data.c8y_New], [{ open: false }, undefined, [1]]);
});

check("an event is deleted", async () => {
  const made = await newEvent();
  const { res, data } = await event.delete(made);
  assert.deepEqual([res.status, data], [204, null]);
  await refused(event.detail(made.id), 404, "event/Not Found");
});
