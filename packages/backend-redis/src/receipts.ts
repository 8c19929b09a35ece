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

  /** Has `send` clear away some of what is settled. When it throws, another request has to. */
  async clearing<T>(send: (settled: string) => Promise<T>): Promise<T> {
    const settled = this.#settled.splice(0, CLEARED_AT_ONCE);
    try {
      return await send(settled.join(" "));
    } catch (error) {
      this.settle(settled);
      throw error;
    }
  }
}
