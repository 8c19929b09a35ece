import { requestTag } from "./names.js";

/** Settled receipts that one commit clears away beside its own work. */
const CLEARED_AT_ONCE = 8;

/**
 * Tags of requests whose lost reply is asked for again (OUT-3). The script that serves a tagged request leaves its reply with the
 * session, under the tag. A reply that arrived has served: the next tagged request deletes it. One that was lost stays as
 * long as the session.
 */
export class Receipts {
  readonly #settled: string[] = [];

  next(): string {
    return requestTag();
  }

  settle(tags: readonly string[]): void {
    this.#settled.push(...tags);
  }

  takeSettled(): readonly string[] {
    return this.#settled.splice(0, CLEARED_AT_ONCE);
  }
}
