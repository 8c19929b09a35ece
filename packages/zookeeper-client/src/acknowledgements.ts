import { callBack } from "./call-back.js";
import type { Batch } from "./pending.js";

/** What the server has surely heard: the latest time of sending of which there is an answer. */
export class Acknowledgements {
  readonly #changed: (sentAtMs: number) => void;
  #latest: Batch | undefined;
  #sentAtMs = Number.NEGATIVE_INFINITY;

  constructor(changed: (sentAtMs: number) => void) {
    this.#changed = changed;
  }

  get sentAtMs(): number {
    return this.#sentAtMs;
  }

  /** The server has answered something of the batch, so that its clock of the session has seen it. */
  add(batch: Batch): void {
    const { sentAtMs } = batch;
    if (this.#latest === batch || sentAtMs === undefined) return;
    this.#latest = batch;
    // A ping's answer may overtake a slower request's.
    if (sentAtMs <= this.#sentAtMs) return;
    this.#sentAtMs = sentAtMs;
    callBack(() => this.#changed(sentAtMs));
  }
}
