import { ConclaveError } from "../errors.js";
import { onAbort } from "../internal/on-abort.js";
import type { Place } from "../internal/place.js";
import { Hold } from "./hold.js";

/**
 * A partition that this process owns. Partitions come from `partitioner.run`. Its writes are guarded, as those of a lock are; they
 * go on to be accepted after `signal` has aborted for a handover, until the work has settled (PART-3).
 */
export class Partition extends Hold {
  /** Which one: from 0 to one less than there are. */
  readonly index: number;
  readonly #place: Place;
  readonly #ending = new AbortController();

  /** Partitions come from `partitioner.run`. */
  constructor(place: Place, index: number, letGo: AbortSignal) {
    super(place);
    this.#place = place;
    this.index = index;
    onAbort(letGo, () => this.#ending.abort(letGo.reason));
    onAbort(place.signal, () => this.#ending.abort(place.signal.reason));
  }

  /**
   * Aborts when the work must end: `NOT_HELD` when another member is to have the partition (it gets it once the work has settled,
   * and `isHeld` says whether writes are still accepted), `SESSION_LOST` when it is lost, before anybody else can have it (PART-4).
   */
  override get signal(): AbortSignal {
    // The state is read first: past the deadline that aborts the signal (SES-3).
    void this.#place.live.state;
    return this.#ending.signal;
  }
}

export function handedOver(to: string | undefined): ConclaveError {
  const why = to === undefined ? "no longer a member" : `${to} is to have the partition`;
  return new ConclaveError("NOT_HELD", why);
}
