/** More rivals than this are not told apart. */
const mostRivals = 64;
const shortestMs = 1;
const longestMs = 100;

/**
 * How many others reach for the same tasks, as far as one can tell from one's own luck: twice as many after each claim that came
 * too late, half as many after one that did not. As with the backoff of Ethernet, each draws a place among that many; so that many
 * workers that see one task do not all claim it, and one that is alone never waits.
 */
export class Contention {
  #rivals = 1;
  #roundTripMs = shortestMs;

  /** How long it takes others to see a claim, about. */
  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  /** A place to take, from 0 on. */
  draw(): number {
    return Math.floor(Math.random() * this.#rivals);
  }

  /** An attempt to claim ended, after so long. */
  learn(wasTooLate: boolean, tookMs: number): void {
    this.#rivals = Math.min(mostRivals, Math.max(1, wasTooLate ? this.#rivals * 2 : this.#rivals / 2));
    this.#roundTripMs = Math.min(longestMs, Math.max(shortestMs, tookMs));
  }
}
