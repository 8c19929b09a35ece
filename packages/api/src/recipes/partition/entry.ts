import { ConclaveError } from "../../errors.js";
import { holdBack } from "../../internal/hold-back.js";
import type { LiveSession } from "../../internal/live-session.js";
import { ephemeralNode, removeOwn } from "../../internal/own-node.js";
import { quit } from "../../internal/quit.js";

export interface EntryOptions {
  readonly path: string;
  readonly data: Uint8Array;
  failed(error: unknown): void;
}

/**
 * The node that says, in one session, that this process takes part. Unlike that of a group's member it replaces no other: while one
 * of that name stands it waits (PART-6). Where none is seen it is made, also when somebody has deleted it.
 */
export class PartitionEntry {
  readonly #live: LiveSession;
  readonly #options: EntryOptions;
  readonly #left = new AbortController();
  #isTaken = false;
  #isMaking = false;
  #making: Promise<void> | undefined;

  constructor(live: LiveSession, options: EntryOptions) {
    this.#live = live;
    this.#options = options;
  }

  /** Whether a node of that name is seen to stand, this one or another. */
  seen(isTaken: boolean): void {
    this.#isTaken = isTaken;
    if (!isTaken && !this.#isMaking) this.#making = this.#make();
  }

  /** Takes part no more. Resolves once the node is gone, or is about to go behind the caller's back; never rejects. */
  async leave(): Promise<void> {
    this.#left.abort();
    await this.#making;
    await quit(this.#live, () => this.#remove());
  }

  async #remove(): Promise<void> {
    // Once the session is over, the node is gone with it.
    if (this.#live.signal.aborted) return;
    await this.#live.idempotent((backend) => removeOwn(backend, this.#options.path));
  }

  /** Goes on until a node is seen: one that came and went unseen is no reason to wait. */
  async #make(): Promise<void> {
    this.#isMaking = true;
    const { path, data, failed } = this.#options;
    const [left, over] = [this.#left.signal, this.#live.signal];
    while (!this.#isTaken && !left.aborted && !over.aborted) {
      try {
        await this.#live.idempotent((backend) => backend.commit([ephemeralNode(path, data)], undefined));
      } catch (error) {
        if (!ConclaveError.is(error, "NODE_EXISTS") && !over.aborted) failed(error);
      }
      await holdBack(this.#live, left);
    }
    this.#isMaking = false;
  }
}
