import type { Operation } from "../../backend/operations.js";
import { ConclaveError } from "../../errors.js";
import { checkOptions } from "../../internal/check.js";
import { complete, maxOperations, type TransactionOperation } from "../../node-writer.js";
import { Hold } from "../shared/hold.js";
import { bury, type Claim } from "./claim.js";
import { priorityOf } from "./layout.js";

export interface AcknowledgeOptions {
  /** Committed together with the removal of the task: at most 31. Needs a backend with transactions. */
  readonly operations?: readonly TransactionOperation[] | undefined;
}

/**
 * A task that this process has claimed, in its session. Its writes are guarded by the claim, as those of a lock are (QUEUE-3). Tasks
 * come from `queue.take`.
 */
export class Task extends Hold {
  /** As it was put; a copy. */
  readonly data: Uint8Array;
  readonly #claim: Claim;
  readonly #maxAttempts: number;
  #finished: Promise<void> | undefined;

  /** Tasks come from `queue.take`. */
  constructor(claim: Claim, maxAttempts: number) {
    super(claim.place);
    this.#claim = claim;
    // What the worker does to it must not go into the queue when the attempt is taken back.
    this.data = Uint8Array.prototype.slice.call(claim.record.data);
    this.#maxAttempts = maxAttempts;
  }

  /** As `put` returned it. */
  get id(): string {
    return this.#claim.id;
  }

  /** 1 for the first time that the task is handed out; one more each time after, unless it was released. */
  get attempt(): number {
    return this.#claim.record.attempts;
  }

  get priority(): number {
    return priorityOf(this.id) ?? 0;
  }

  /**
   * The task is done: removes it, in one commit with `operations` if there are any. Resolves when it will never be offered again;
   * idempotent, but with operations only once.
   *
   * Guarantees: only while the claim stands, judged by the store with the removal (QUEUE-3, QUEUE-4); all or nothing, so that what
   * the operations do is done exactly once. Not guaranteed: with outcome `"unknown"`, whether it was done; the task may come again.
   * Errors: `NOT_HELD` (given back, acknowledged before, or the claim was deleted from outside), `SESSION_LOST`, `CLOSED`,
   * `CONNECTION_LOST`; with operations those of a transaction, and the task is held as before; `INVALID_ARGUMENT` also when one of
   * them writes the node of the task or of its claim.
   */
  async acknowledge(options: AcknowledgeOptions = {}): Promise<void> {
    checkOptions("acknowledge", options, ["operations"]);
    const { operations } = options;
    const others = operations === undefined ? [] : this.#others(operations);
    if (this.#finished && others.length > 0) {
      throw new ConclaveError("NOT_HELD", "the task was acknowledged before, without these operations");
    }
    this.#finished ??= this.#acknowledge(others).catch((error) => {
      this.#finished = undefined;
      throw error;
    });
    return this.#finished;
  }

  /**
   * Gives the task back as if it had not been taken: it is offered again at once, and this attempt does not count. Idempotent;
   * harmless when the claim is over. When the store fails to take the count back it rejects; the task is offered again all the same.
   */
  async release(): Promise<void> {
    await this.#giveBack(() => this.#claim.uncount());
  }

  /**
   * The attempt failed: the task is offered again at once, or moved to the dead letters when that was the last attempt.
   * Idempotent; harmless when the claim is over.
   */
  async reject(): Promise<void> {
    await this.#giveBack(async () => {
      if (this.attempt >= this.#maxAttempts) await bury(this.#claim);
    });
  }

  /** As `reject`: what leaves a block without an acknowledgement has failed. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.reject();
  }

  #others(operations: readonly TransactionOperation[]): readonly Operation[] {
    const others = complete(operations);
    if (others.length >= maxOperations) {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `acknowledge: takes at most ${maxOperations - 1} operations, not ${others.length}`,
      );
    }
    // A commit writes no path twice; and without its claim the task could not be removed.
    const own = [this.#claim.path, this.path];
    const path = others.find((other) => other.type !== "check" && own.includes(other.path))?.path;
    if (path === undefined) return others;
    throw new ConclaveError("INVALID_ARGUMENT", `acknowledge: it writes ${path} itself`, { path });
  }

  async #acknowledge(others: readonly Operation[]): Promise<void> {
    const { place } = this.#claim;
    place.check();
    await this.#claim.removeTask(others);
    // The mark without its task means nothing to anybody: nobody has to wait until it is gone.
    void place.quit();
  }

  /** Does something first, while the claim stands. Whatever comes of that, the claim must not keep the task from others. */
  async #giveBack(first: () => Promise<void>): Promise<void> {
    const { place } = this.#claim;
    try {
      if (place.isHeld) await first();
    } catch (error) {
      if (!place.live.signal.aborted && !ConclaveError.is(error, "NOT_HELD")) throw error;
    } finally {
      await place.quit();
    }
  }
}
