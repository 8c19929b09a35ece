import { storeError } from "./errors.js";

/**
 * The highest revision of a namespace that this client has seen. A server that gives a lower one to a request sent later has lost
 * acknowledged commits, as a replica may when it becomes the master.
 */
export class Revisions {
  #highest = 0;

  get highest(): number {
    return this.#highest;
  }

  seen(revision: number): void {
    if (revision > this.#highest) this.#highest = revision;
  }

  /** Throws if the store has gone back behind what was known when the request was sent. */
  check(revision: number, atSending: number): void {
    if (revision < atSending) {
      throw storeError(
        `Redis has lost acknowledged writes: it is at revision ${revision} and was at ${atSending} before`,
        { outcome: "unknown" },
      );
    }
    this.seen(revision);
  }
}
