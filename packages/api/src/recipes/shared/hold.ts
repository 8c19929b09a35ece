import type { Operation, OperationResult } from "../../backend/operations.js";
import { ConclaveError } from "../../errors.js";
import { commit } from "../../internal/commit.js";
import type { Place } from "../../internal/place.js";
import { NodeWriter } from "../../node-writer.js";

/**
 * What the first in a line holds: a leadership, a lock. Its writes are guarded: the store refuses them with `NOT_HELD` or
 * `SESSION_LOST` once somebody else may hold, also after a pause of this process (LEAD-4; on a backend with
 * `guardedWrites: "session"`, see there).
 */
export abstract class Hold extends NodeWriter {
  readonly #place: Place;

  constructor(place: Place) {
    super();
    this.#place = place;
  }

  /** The fencing token: strictly greater than that of every earlier holder (LEAD-2). */
  get token(): bigint {
    return this.#place.ticket.createRevision;
  }

  /** Aborts when the hold is over: before anybody else can hold (LEAD-3). The reason says why. */
  get signal(): AbortSignal {
    // The state is read first: past the deadline that aborts the signal (SES-3).
    void this.#place.live.state;
    return this.#place.signal;
  }

  /** Whether this process may still act as the holder. Compares the session's deadline at each use. */
  get isHeld(): boolean {
    return this.#place.isHeld;
  }

  /** The holder's node in the line. */
  get path(): string {
    return this.#place.ticket.path;
  }

  /** When the store refuses that, it is tried again behind the caller's back: what stays behind would hold up everybody (LEAD-6). */
  protected async giveUp(): Promise<void> {
    try {
      await this.#place.leave();
    } catch (error) {
      void this.#place.quit();
      throw error;
    }
  }

  protected override async commit(
    operations: readonly Operation[],
    signal: AbortSignal | undefined,
  ): Promise<readonly OperationResult[]> {
    this.#place.check();
    try {
      return await commit(this.#place.live, operations, this.#place.guard, signal);
    } catch (error) {
      // The refusal may come before the watch tells.
      if (ConclaveError.is(error, "NOT_HELD")) this.#place.vanished();
      throw error;
    }
  }
}
