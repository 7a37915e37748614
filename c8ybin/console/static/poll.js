// Looks again every few seconds, while somebody looks at the page, and less often where the server does not answer.

import { Problem } from "./api.js";

const SLOWEST_MS = 60_000;

export class Poll {
  #timer;
  #stopping = new AbortController();
  #failures = 0;
  #first = null;

  /**
   * Make one that is told to begin; `look` takes a signal. `tell` is called with live, paused or offline, and the
   * Problem where there is one.
   */
  constructor(look, everyMs, tell) {
    this.look = look;
    this.everyMs = everyMs;
    this.tell = tell;
    this.onVisible = () => (document.hidden ? this.#pause() : this.#go());
    document.addEventListener("visibilitychange", this.onVisible);
    this.onOnline = () => this.#go();
    addEventListener("online", this.onOnline);
  }

  /** Begin, or begin anew, with another look than the later ones; it is repeated until it succeeds. */
  begin(first) {
    this.#first = first;
    this.#go();
  }

  /** Look now. */
  now() {
    this.#go();
  }

  stop() {
    this.#pause();
    document.removeEventListener("visibilitychange", this.onVisible);
    removeEventListener("online", this.onOnline);
  }

  #pause() {
    clearTimeout(this.#timer);
    this.#stopping.abort();
    this.tell("paused");
  }

  async #go() {
    clearTimeout(this.#timer);
    this.#stopping.abort();
    const stopping = (this.#stopping = new AbortController());
    let wait = this.everyMs;
    try {
      await (this.#first ?? this.look)(stopping.signal);
      if (stopping.signal.aborted) return;
      this.#first = null;
      this.#failures = 0;
      this.tell("live");
    } catch (problem) {
      if (stopping.signal.aborted) return;
      if (!(problem instanceof Problem)) throw problem;
      if (problem.status === 401) return;
      this.#failures += 1;
      this.tell("offline", problem);
      wait = Math.max(problem.retryAfterS * 1000, Math.min(SLOWEST_MS, this.everyMs * 2 ** this.#failures));
    }
    this.#timer = setTimeout(() => this.#go(), wait);
  }
}
