// @c8y/client: authentication, and the devices, external IDs, tenant and user around the events.

import assert from "node:assert/strict";
import { Client } from "@c8y/client";
import { MISSING, check, client, connect, credentials, idsOf } from "./common.mjs";
import { newEvent, newSource, refused, setting } from "./common.mjs";

const { inventory, identity, tenant, user } = client;
const EXTERNAL_ID_MISSING = "identity/Not Found";
const OBJECT_MISSING = "inventory/Not Found";

const newDevice = async (more = {}) =>
  (await inventory.create({ name: `pump ${newSource()}`, type: "c8y_Pump", c8y_IsDevice: {}, ...more })).data;

check("a client authenticates and works", async () => {
  const made = await Client.authenticate(credentials(), setting.url);
  assert.ok(made.core.tenant);
  const event = await newEvent();
  assert.deepEqual((await made.event.detail(event)).data, event);
});

check("a user needs no tenant", async () => {
  const { tenant: _, ...plain } = credentials();
  assert.ok((await Client.authenticate(plain, setting.url)).core.tenant);
});

check("authentication with a wrong password is thrown as 401", async () => {
  await refused(Client.authenticate(credentials("ann", "wrong"), setting.url), 401, "security/Unauthorized");
});

check("the tenant and the user tell who they are", async () => {
  const { data } = await tenant.current();
  assert.ok(data.name && data.domainName);
  const current = await user.current();
  assert.equal(current.data.userName, "ann");
  const { data: roles } = await user.currentWithEffectiveRoles();
  assert.deepEqual(roles.effectiveRoles.map(({ id }) => id).sort(), ["ROLE_EVENT_ADMIN", "ROLE_EVENT_READ"]);
});

check("the ways to log in are told without an account", async () => {
  const res = await connect("ann", "wrong").core.fetch("/tenant/loginOptions");
  assert.equal(res.status, 200);
  assert.deepEqual((await res.json()).loginOptions.map(({ type }) => type), ["BASIC"]);
});

check("a device is created read changed and deleted", async () => {
  const made = await newDevice({ name: "pump 1", c8y_Hardware: { model: "A" } });
  assert.match(made.id, /^\d+$/);
  assert.deepEqual((await inventory.detail(made)).data, made);
  const { res, data } = await inventory.update({ id: made.id, name: "renamed", c8y_Hardware: null });
  assert.equal(res.status, 200);
  assert.deepEqual([data.name, data.c8y_Hardware, data.c8y_IsDevice], ["renamed", undefined, {}]);
  assert.equal((await inventory.delete(made)).res.status, 204);
  await refused(inventory.detail(made), 404, OBJECT_MISSING);
});

check("devices are listed by type fragment and ids in pages", async () => {
  const type = `c8y_Type${newSource()}`;
  const made = [];
  for (let n = 0; n < 3; n++) {
    made.push((await newDevice({ type, [type]: {} })).id);
  }
  for (const filter of [{ type }, { fragmentType: type }, { ids: made.join(",") }]) {
    const first = await inventory.list({ ...filter, pageSize: 2, withTotalPages: true });
    assert.deepEqual([first.data.length, first.paging.totalPages, first.paging.nextPage], [2, 2, 2]);
    const second = await first.paging.next();
    assert.deepEqual([...idsOf(first), ...idsOf(second)].sort(), [...made].sort());
  }
});

check("devices are found by queries", async () => {
  const name = `O'Brien's pump ${newSource()}`;
  const made = await newDevice({ name });
  await inventory.create({ name, type: "c8y_NoDevice" });
  assert.equal((await inventory.listQuery({ name })).data.length, 2);
  assert.deepEqual(idsOf(await inventory.listQueryDevices({ name })), [made.id]);
  const filter = { __and: [{ name: "O'Brien's*" }, { __has: "c8y_IsDevice" }, { __not: { type: "c8y_Fan" } }] };
  const found = await inventory.listQuery({ __filter: filter, __orderby: [{ name: 1 }] });
  assert.deepEqual(idsOf(found), [made.id]);
});

check("an external id is added found listed and removed", async () => {
  const { id } = await newDevice();
  const wanted = { type: "c8y_Serial", externalId: `sn-${id}` };
  const { res, data } = await identity.create({ ...wanted, managedObject: { id } });
  assert.deepEqual([res.status, data.externalId, data.managedObject.id], [201, wanted.externalId, id]);
  assert.equal((await identity.detail(wanted)).data.managedObject.id, id);
  assert.deepEqual((await identity.list(id)).data.map(({ externalId }) => externalId), [wanted.externalId]);
  assert.equal((await identity.delete(wanted)).res.status, 204);
  await refused(identity.detail(wanted), 404, EXTERNAL_ID_MISSING);
});

check("an external id that is taken is thrown as 409", async () => {
  const [one, other] = [await newDevice(), await newDevice()];
  const wanted = { type: "c8y_Serial", externalId: `taken-${one.id}` };
  const add = ({ id }) => identity.create({ ...wanted, managedObject: { id } });
  await add(one);
  const thrown = await add(other).catch((reason) => reason);
  assert.equal(thrown.res?.status, 409, thrown.stack);
  assert.equal((await identity.detail(wanted)).data.managedObject.id, one.id);
});

check("what is not there is thrown as 404 around too", async () => {
  await refused(inventory.detail(MISSING), 404, OBJECT_MISSING);
  await refused(inventory.update({ id: MISSING, name: "x" }), 404, OBJECT_MISSING);
  await refused(inventory.delete(MISSING), 404, OBJECT_MISSING);
  await refused(identity.detail({ type: "c8y_Serial", externalId: "nobody" }), 404, EXTERNAL_ID_MISSING);
});
