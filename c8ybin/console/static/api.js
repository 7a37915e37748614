// The public API, as fetch speaks it; what goes wrong is a Problem with a sentence for people.

import { account, become } from "./session.js";
import { duration } from "./format.js";
import { has, language, t } from "./words.js";

// The page may be anywhere below a proxy's prefix.
const BASE = new URL(".", document.baseURI);
const PASSING = new Set([0, 408, 429, 502, 503, 504]);

/** What an answer that is no success says; status 0 means that there was none. */
export class Problem extends Error {
  constructor(status, told = "", retryAfterS = 0) {
    super(told);
    this.status = status;
    this.told = told;
    this.retryAfterS = retryAfterS;
  }

  /** Whether the same request may succeed later. */
  get passes() {
    return PASSING.has(this.status);
  }

  /** Say it to a person. */
  get sentence() {
    const key = this.status === 429 && this.retryAfterS ? "problem.429.later" : `problem.${this.status}`;
    const said = has(key) ? t(key, { wait: duration(this.retryAfterS) }) : t("problem.unknown", { status: this.status });
    // The server's own words are English, and more exact.
    const exact = this.told && ![0, 401, 404, 429].includes(this.status);
    if (!exact) return said;
    return language === "en" ? this.told : `${said} (${this.told})`;
  }
}

async function problemOf(answer) {
  let told = "";
  try {
    told = (await answer.json()).message ?? "";
  } catch {
    // A proxy's page says nothing that helps.
  }
  return new Problem(answer.status, told, Number(answer.headers.get("Retry-After")) || 0);
}

/** Return an address of the API, with a query. */
export function address(path, query = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

/**
 * Ask the API, and return its answer: a success, or 304 where a condition was sent.
 *
 * Throws a Problem; a TypeError or AbortError of `signal` that was aborted by the caller passes as it is.
 */
export async function ask(method, path, { query, headers = {}, signal, authorization, ...more } = {}) {
  const mine = account()?.authorization;
  const fields = { Accept: "application/json", UseXBasic: "true", ...headers };
  if (authorization ?? mine) fields.Authorization = authorization ?? mine;
  let answer;
  try {
    answer = await fetch(address(path, query), {
      method,
      headers: fields,
      signal,
      // Neither the browser's own dialog nor its own passwords.
      credentials: "omit",
      cache: "no-store",
      ...more,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0);
  }
  if (answer.ok || answer.status === 304) return answer;
  const problem = await problemOf(answer);
  if (answer.status === 401 && !authorization && account()?.authorization === mine) become(null, "signin.expired");
  throw problem;
}

/** Ask and return the document of the answer. */
export async function read(path, options) {
  return (await ask("GET", path, options)).json();
}

/** Create an event and return it. */
export async function createEvent(event) {
  const headers = { "Content-Type": "application/json" };
  return (await ask("POST", "event/events", { headers, body: JSON.stringify(event) })).json();
}

export const eventPath = (id) => `event/events/${id}`;
export const binaryPath = (id) => `event/events/${id}/binaries`;

let limits;

/** Return the server's limits, in bytes: `binaryBytes`, `chunkBytes`; those of the defaults where it tells none. */
export async function readLimits() {
  if (!limits) {
    try {
      limits = (await read("openapi.json")).info["x-limits"];
    } catch {
      // It is asked again the next time.
    }
  }
  return limits ?? { binaryBytes: 50 * 1024 * 1024, chunkBytes: 1024 * 1024 };
}
