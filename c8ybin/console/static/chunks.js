// One file to one event, in chunks, each of them sent until it has arrived.

import { ask, binaryPath, Problem } from "./api.js";
import { parseRange } from "./attachment.js";

const LEAST_BYTES = 64 * 1024;
const FIRST_BYTES = 256 * 1024;
const MOST_BYTES = 5 * 1024 * 1024;
// A chunk takes about this long, so that progress shows and little is lost.
const QUICK_MS = 500;
const SLOW_MS = 2500;
const STUCK_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
// A digest takes the file into memory.
const DIGESTED_BYTES = 256 * 1024 * 1024;

/** Return the first bytes that are missing, as [start, stop). */
export function firstGap(spans, size) {
  let start = 0;
  for (const [from, stop] of spans) {
    if (from > start) return [start, from];
    start = Math.max(start, stop);
  }
  return [start, size];
}

/** Write a file's name for Content-Disposition (RFC 6266, RFC 8187). */
function disposition(name) {
  const plain = name.replace(/[^\x20-\x7e]|["\\]/g, "_");
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename*=UTF-8''${encoded}; filename="${plain}"`;
}

/** Read a file, or a part of one; a Problem where it is gone or was changed since it was chosen. */
async function bytesOf(blob) {
  try {
    return await blob.arrayBuffer();
  } catch {
    throw new Problem("file");
  }
}

/** Return Repr-Digest for a file; none where the browser cannot or it would take too much (RFC 9530). */
async function digestOf(file) {
  if (!globalThis.crypto?.subtle || file.size > DIGESTED_BYTES) return {};
  const digest = await crypto.subtle.digest("SHA-256", await bytesOf(file));
  return { "Repr-Digest": `sha-256=:${btoa(String.fromCharCode(...new Uint8Array(digest)))}:` };
}

/** Wait, but no longer than until the network is back or somebody has had enough. */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", leave);
      resolve();
    };
    const leave = () => {
      end();
      reject(signal.reason);
    };
    const timer = setTimeout(end, ms);
    addEventListener("online", end);
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave);
  });
}

/**
 * Send a file.
 *
 * A chunk from 0 comes first, also where some of the file is there: the server holds its bytes against those that
 * it has, and begins anew where they differ. Its answers tell what has arrived; what is missing is sent.
 *
 * file: what to send; eventId, replaces: where, and whether over what is there; chunkBytes: the server's limit.
 * progress({ sent, bytes, ms }) is called when bytes have arrived; retrying(ms, problem) before a pause; signal ends it.
 *
 * Throws a Problem that does not pass by itself.
 */
export async function sendFile(file, { eventId, replaces, chunkBytes, progress, retrying, signal }) {
  let most = Math.min(MOST_BYTES, chunkBytes);
  let length = Math.min(FIRST_BYTES, most);
  const fields = {
    "Content-Type": file.type || "application/octet-stream",
    "Content-Disposition": disposition(file.name),
    ...(await digestOf(file)),
  };
  let spans = [];
  const shorter = (bytes, by) => Math.min(most, Math.max(LEAST_BYTES, Math.floor(bytes / by)));

  async function send(start, stop) {
    const headers = file.size ? { ...fields, "Content-Range": `bytes ${start}-${stop - 1}/${file.size}` } : fields;
    const body = await bytesOf(file.slice(start, stop));
    const stuck = AbortSignal.timeout(STUCK_MS);
    try {
      return await ask(replaces ? "PUT" : "POST", binaryPath(eventId), {
        headers,
        body,
        signal: AbortSignal.any([signal, stuck]),
      });
    } catch (error) {
      if (!stuck.aborted || signal.aborted) throw error;
      length = shorter(length, 4);
      throw new Problem(0);
    }
  }

  for (let failures = 0; ; ) {
    const [start, gap] = firstGap(spans, file.size);
    const stop = Math.min(gap, start + length);
    const begun = performance.now();
    try {
      const answer = await send(start, stop);
      const ms = performance.now() - begun;
      failures = 0;
      if (answer.status === 201) {
        progress({ sent: file.size, bytes: stop - start, ms });
        return;
      }
      spans = parseRange((await answer.json()).range).spans;
      progress({ sent: spans.reduce((sum, [from, to]) => sum + to - from, 0), bytes: stop - start, ms });
      if (ms < QUICK_MS) length = Math.min(most, length * 2);
      else if (ms > SLOW_MS) length = shorter(length, 2);
    } catch (problem) {
      // A proxy may take less than the server does.
      if (problem.status === 413 && length > LEAST_BYTES) {
        most = length = shorter(length, 2);
        continue;
      }
      if (signal.aborted || !problem.passes) throw problem;
      const ms = Math.max(problem.retryAfterS * 1000, Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures));
      failures += 1;
      retrying(ms, problem);
      await pause(ms, signal);
    }
  }
}
