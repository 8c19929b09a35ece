import { setImmediate } from "node:timers";

const settled = Promise.resolve();
// Taken once, so that fake timers installed later don't hold up the store.
const immediate = setImmediate;

/** After so many turns of the microtask queue the event loop gets one, or a busy caller would starve every timer. */
const burst = 1000;

let yielding = 0;

/** Whether something that is due now waits for the event loop to come round. */
export function isYielding(): boolean {
  return yielding > 0;
}

/**
 * Runs things soon: after the caller has returned, without timers. Each store counts its own turns, so that what
 * happens in it does not depend on what else this process has done.
 */
export class Turns {
  #taken = 0;

  soon(run: () => void): void {
    this.#taken += 1;
    if (this.#taken < burst) {
      settled.then(run);
      return;
    }
    this.#taken = 0;
    yielding += 1;
    immediate(() => {
      yielding -= 1;
      run();
    });
  }
}
