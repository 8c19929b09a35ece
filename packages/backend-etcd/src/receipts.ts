import { randomBytes } from "node:crypto";
import type { Keys } from "./keys.js";

/** Settled receipts that one Txn clears away beside its own work. */
const CLEARED_AT_ONCE = 8;

/**
 * Proof that a Txn took effect, for calls whose lost reply has to be resolved (OUT-3): a key that the Txn itself
 * writes, outside the visible tree, attached to the session's lease. Unlike the node that was created it can't be
 * deleted by others, so it tells "took effect, and was consumed since" from "never took effect"; and written by a
 * refused repetition, it keeps the first sending from taking effect when it arrives late.
 *
 * A receipt whose reply arrived has served; the next Txn with a receipt deletes it. One whose reply was lost stays as
 * long as the session.
 */
export class Receipts {
  readonly #keys: Keys;
  readonly #sessionId: string;
  readonly #settled: Buffer[] = [];

  constructor(keys: Keys, sessionId: string) {
    this.#keys = keys;
    this.#sessionId = sessionId;
  }

  next(): Buffer {
    return this.#keys.session(`${this.#sessionId}\0${randomBytes(9).toString("hex")}`);
  }

  settle(receipts: readonly Buffer[]): void {
    this.#settled.push(...receipts);
  }

  takeSettled(): Buffer[] {
    return this.#settled.splice(0, CLEARED_AT_ONCE);
  }
}
