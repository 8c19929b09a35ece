import { holdBack } from "../../internal/hold-back.js";
import type { LiveSession } from "../../internal/live-session.js";
import { ephemeralNode, makeOwn, readOwn, removeNode, removeOwn } from "../../internal/own-node.js";
import { quit } from "../../internal/quit.js";
import type { Member } from "../group/member.js";

export interface EntryOptions {
  readonly path: string;
  readonly data: Uint8Array;
  /** The node was made, and `seen` can tell it from others. */
  made(): void;
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
  /** Of the node that was made last: one that another partitioner made in this session, under the same id, is not ours. */
  #createRevision: bigint | undefined;
  /** A failure does not tell whether the node was made. */
  #isInDoubt = false;

  constructor(live: LiveSession, options: EntryOptions) {
    this.#live = live;
    this.#options = options;
  }

  /** Tells which member of that name is seen to stand, if any; returns whether it is this one. */
  seen(member: Member | undefined): boolean {
    this.#isTaken = member !== undefined;
    if (!this.#isTaken && !this.#isMaking) this.#making = this.#make();
    return member !== undefined && member.createRevision === this.#createRevision;
  }

  /** Takes part no more. Resolves once the node is gone, or is about to go behind the caller's back; never rejects. */
  async leave(): Promise<void> {
    this.#left.abort();
    await this.#making;
    await quit(this.#live, () => this.#remove());
  }

  async #remove(): Promise<void> {
    const [{ path }, createRevision] = [this.#options, this.#createRevision];
    // Once the session is over, the node is gone with it.
    if (this.#live.signal.aborted) return;
    if (this.#isInDoubt) await this.#live.idempotent((backend) => removeOwn(backend, path));
    else if (createRevision !== undefined) {
      await this.#live.idempotent((backend) => removeNode(backend, { path, createRevision }));
    }
  }

  /** Goes on until a node is seen: one that came and went unseen is no reason to wait. */
  async #make(): Promise<void> {
    this.#isMaking = true;
    const { path, data, made, failed } = this.#options;
    const node = ephemeralNode(path, data);
    const [left, over] = [this.#left.signal, this.#live.signal];
    while (!this.#isTaken && !left.aborted && !over.aborted) {
      try {
        if (await makeOwn(this.#live, node)) {
          const own = await this.#live.idempotent((backend) => readOwn(backend, node));
          this.#createRevision = own?.createRevision;
          made();
        }
      } catch (error) {
        this.#isInDoubt = true;
        if (!over.aborted) failed(error);
      }
      await holdBack(this.#live, left);
    }
    this.#isMaking = false;
  }
}
