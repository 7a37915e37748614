// @c8y/client: every filter, all pages in both orders, counts.

import assert from "node:assert/strict";
import { check, core, event, idsOf, list, newEvent, newSource, series } from "./common.mjs";

const later = (time, ms) => new Date(Date.parse(time) + ms).toISOString();

// Walks from page to page as an application does; returns the IDs of each page.
async function walk(filter) {
  const pages = [];
  for (let page = await event.list(filter); page.data.length; page = await page.paging.next()) {
    pages.push(idsOf(page));
    if (!page.paging.nextPage) {
      break;
    }
  }
  return pages;
}

check("events are found by source and by type", async () => {
  const source = newSource();
  const one = await newEvent({ source: { id: source }, type: "c8y_One" });
  const other = await newEvent({ source: { id: source }, type: "c8y_Other" });
  assert.deepEqual(await list({ source, type: "c8y_One" }), [one.id]);
  assert.deepEqual(await list({ type: "c8y_Other" }), [other.id]);
  assert.deepEqual((await list({ source })).sort(), [one.id, other.id].sort());
});

check("events are found by a fragment and by its value", async () => {
  const source = newSource();
  const red = await newEvent({ source: { id: source }, c8y_Colour: "red" });
  await newEvent({ source: { id: source } });
  assert.deepEqual(await list({ source, fragmentType: "c8y_Colour" }), [red.id]);
  assert.deepEqual(await list({ source, fragmentType: "c8y_Colour", fragmentValue: "red" }), [red.id]);
  assert.deepEqual(await list({ source, fragmentType: "c8y_Colour", fragmentValue: "blue" }), []);
});

check("both ends of a date range belong to it", async () => {
  const { source, ids } = await series();
  const range = { source, dateFrom: "2026-11-24T12:02:00.000Z", dateTo: "2026-11-24T14:04:00+02:00" };
  assert.deepEqual(await list({ ...range }), [ids[4], ids[3], ids[2]]);
  assert.deepEqual(await list({ ...range, revert: true }), [ids[2], ids[3], ids[4]]);
});

check("events are found by when they were created", async () => {
  const { id, creationTime, source } = await newEvent();
  const filter = { source: source.id };
  assert.deepEqual(await list({ ...filter, createdFrom: creationTime, createdTo: creationTime }), [id]);
  assert.deepEqual(await list({ ...filter, createdFrom: later(creationTime, 1) }), []);
  assert.deepEqual(await list({ ...filter, createdTo: later(creationTime, -1) }), []);
});

check("a range of updates takes its begin and leaves out its end", async () => {
  const { id, source, lastUpdated } = await newEvent();
  const filter = { source: source.id };
  assert.deepEqual(await list({ ...filter, lastUpdatedFrom: lastUpdated }), [id]);
  assert.deepEqual(await list({ ...filter, lastUpdatedFrom: later(lastUpdated, 1) }), []);
  assert.deepEqual(await list({ ...filter, lastUpdatedTo: lastUpdated }), []);
  assert.deepEqual(await list({ ...filter, lastUpdatedTo: later(lastUpdated, 1) }), [id]);
});

check("the assets and devices of a source may be asked for", async () => {
  const { source, backwards } = await series();
  assert.deepEqual(await list({ source, withSourceAssets: true, withSourceDevices: true }), backwards);
});

check("a page has five events unless more are asked for", async () => {
  const { source, backwards } = await series();
  const { data, paging } = await event.list({ source });
  assert.deepEqual(idsOf({ data }), backwards.slice(0, 5));
  assert.deepEqual([paging.pageSize, paging.currentPage, paging.nextPage, paging.prevPage], [5, 1, 2, null]);
});

check("all pages are walked newest first", async () => {
  const { source, backwards: b } = await series();
  assert.deepEqual(await walk({ source, pageSize: 3 }), [b.slice(0, 3), b.slice(3, 6), b.slice(6)]);
  assert.deepEqual((await walk({ source, pageSize: 1 })).flat(), b);
  assert.deepEqual(await walk({ source, pageSize: 7 }), [b]);
});

check("all pages are walked oldest first", async () => {
  const { source, ids } = await series();
  const filter = { source, revert: true };
  const pages = [ids.slice(0, 2), ids.slice(2, 4), ids.slice(4, 6), ids.slice(6)];
  assert.deepEqual(await walk({ ...filter, pageSize: 2 }), pages);
  assert.deepEqual((await walk({ ...filter, pageSize: 1 })).flat(), ids);
});

check("pages are walked backwards and gone to", async () => {
  const { source, backwards: b } = await series();
  const third = await (await event.list({ source, pageSize: 2 })).paging.goto(3);
  assert.deepEqual(idsOf(third), b.slice(4, 6));
  assert.deepEqual([third.paging.prevPage, third.paging.currentPage, third.paging.nextPage], [2, 3, 4]);
  const second = await third.paging.prev();
  assert.deepEqual(idsOf(second), b.slice(2, 4));
  assert.deepEqual(idsOf(await second.paging.prev()), b.slice(0, 2));
});

check("filters with reserved characters hold on the next page too", async () => {
  const source = "a&b=c d+e/ü%";
  const first = await newEvent({ source: { id: source }, time: "2026-11-24T11:00:00Z" });
  const second = await newEvent({ source: { id: source } });
  assert.deepEqual(await walk({ source, pageSize: 1 }), [[second.id], [first.id]]);
});

check("a page past the end is empty", async () => {
  const { source } = await series();
  const { res, data, paging } = await event.list({ source, pageSize: 5, currentPage: 9 });
  assert.deepEqual([res.status, data, paging.currentPage, paging.nextPage], [200, [], 9, null]);
});

check("pages and events are counted only when that is asked for", async () => {
  const { source } = await series();
  const totals = { withTotalPages: true, withTotalElements: true };
  const counted = (await event.list({ source, pageSize: 3, ...totals })).paging;
  assert.deepEqual([counted.totalPages, counted.totalElements], [3, 7]);
  const plain = (await event.list({ source, pageSize: 3 })).paging;
  assert.deepEqual([plain.totalPages, plain.totalElements], [undefined, undefined]);
  const none = (await event.list({ source: "nobody", ...totals })).paging;
  assert.deepEqual([none.totalPages, none.totalElements], [0, 0]);
});

check("more than 2000 events a page are trimmed to that", async () => {
  const { source, backwards } = await series();
  const { data, paging } = await event.list({ source, pageSize: 5000 });
  assert.deepEqual([idsOf({ data }), paging.pageSize], [backwards, 2000]);
});

check("events are deleted by filter and no others", async () => {
  const { source, ids } = await series();
  const range = { dateFrom: "2026-11-24T12:01:00Z", dateTo: "2026-11-24T12:05:00Z" };
  const params = { source, type: "c8y_Test", ...range };
  // EventService passes no filter on, and without one everything would go.
  assert.equal((await core.fetch("/event/events", { method: "DELETE", params })).status, 204);
  assert.deepEqual(await list({ source }), [ids[6], ids[0]]);
});
