// Download, under the file's own name. The browser cannot send our Authorization by itself, so the page fetches.

import { ask, binaryPath } from "./api.js";
import { h } from "./dom.js";

/** Fetch an event's attachment and hand it to the browser as a file; `progress` gets the share that has come. */
export async function download(eventId, name, length, progress) {
  const answer = await ask("GET", binaryPath(eventId));
  const blocks = [];
  let come = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    blocks.push(value);
    come += value.length;
    progress(length ? come / length : 1);
  }
  const url = URL.createObjectURL(new Blob(blocks, { type: "application/octet-stream" }));
  h("a", { href: url, download: name }).click();
  // The browser has begun with it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
