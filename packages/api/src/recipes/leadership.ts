import type { Operation, OperationResult } from "../backend/operations.js";
import { ConclaveError } from "../errors.js";
import { commit } from "../internal/commit.js";
import type { Place } from "../internal/place.js";
import { NodeWriter } from "../node-writer.js";

/**
 * The hold of an elected leader. Its writes are guarded: the store refuses them with `NOT_HELD` or `SESSION_LOST` once somebody
 * else may lead, also after a pause of this process (LEAD-4; on a backend with `guardedWrites: "session"`, see there).
 */
export class Leadership extends NodeWriter {
  readonly #place: Place;

  /** Leaderships come from `election.campaign` and `election.lead`. */
  constructor(place: Place) {
    super();
    this.#place = place;
  }

  /** The fencing token: strictly greater than that of every earlier leader of this election (LEAD-2). */
  get token(): bigint {
    return this.#place.ticket.createRevision;
  }

  /** Aborts when this leadership is over: before anybody else can lead (LEAD-3). The reason says why. */
  get signal(): AbortSignal {
    return this.#place.signal;
  }

  /** Whether this process may still act as the leader. Compares the session's deadline at each use. */
  get isHeld(): boolean {
    // The state is read first: past the deadline that aborts the signal.
    void this.#place.live.state;
    return !this.#place.signal.aborted;
  }

  /** The candidate's node. */
  get path(): string {
    return this.#place.ticket.path;
  }

  /** Gives the leadership up, so that the next candidate leads at once. Idempotent, harmless when it is over (LEAD-7). */
  resign(): Promise<void> {
    return this.#place.leave();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.resign();
  }

  protected override async commit(
    operations: readonly Operation[],
    signal: AbortSignal | undefined,
  ): Promise<readonly OperationResult[]> {
    this.#place.check();
    const { path, createRevision } = this.#place.ticket;
    try {
      return await commit(this.#place.live, operations, { path, createRevision }, signal);
    } catch (error) {
      // The refusal may come before the watch tells.
      if (ConclaveError.is(error, "NOT_HELD")) this.#place.vanished();
      throw error;
    }
  }
}
