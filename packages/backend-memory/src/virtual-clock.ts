import { setImmediate } from "node:timers";
import type { Clock } from "@conclave/api/backend";
import { Heap } from "./heap.js";
import { isYielding } from "./turns.js";

interface Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

// Taken once, so that fake timers installed later don't stop the virtual clock.
const immediate = setImmediate;

/**
 * A clock that moves only when told to, for tests that need no real time and no luck.
 *
 * Starts at 0. Timers run in the order of their times, those of one time in the order in which they were made.
 * Everything that a timer sets off in promises has settled before the next timer runs, so two runs of a program
 * that takes time and chance from nowhere else are equal. What waits for real input or output is not waited for.
 */
export class VirtualClock implements Clock {
  readonly #timers = new Heap<Timer>((a, b) => a.at < b.at || (a.at === b.at && a.order < b.order));
  #now = 0;
  #order = 0;
  #pending = 0;
  #moving: Promise<void> = Promise.resolve();

  /** Milliseconds since the clock was made. */
  now(): number {
    return this.#now;
  }

  /** How many timers wait: 0 when a program left nothing behind. */
  get pending(): number {
    return this.#pending;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(delayMs, 0), order: this.#order++, run };
    this.#timers.push(timer);
    this.#pending += 1;
    return () => {
      if (timer.run === undefined) return;
      timer.run = undefined;
      this.#pending -= 1;
    };
  }

  /**
   * Moves `ms` on, running what falls due on the way; resolves when all of it has settled. `advance(0)` runs what is
   * due now. Calls made at once follow each other. An error that a timer throws rejects, and stops the clock there.
   */
  advance(ms: number): Promise<void> {
    return this.#move(async () => {
      const target = this.#now + ms;
      await settle();
      while (await this.#runNext(target));
      this.#now = target;
    });
  }

  /**
   * Moves from timer to timer until `condition()` is true, for at most `withinMs` (default 60,000); rejects with an
   * `Error` when it is still false then. Stops at the very time at which the condition came true.
   */
  advanceUntil(condition: () => boolean, options: { readonly withinMs?: number } = {}): Promise<void> {
    const withinMs = options.withinMs ?? 60_000;
    return this.#move(async () => {
      const limit = this.#now + withinMs;
      await settle();
      while (!condition()) {
        if (!(await this.#runNext(limit)))
          throw new Error(`condition still false after ${withinMs} virtual ms`);
      }
    });
  }

  #move(steps: () => Promise<void>): Promise<void> {
    const moved = this.#moving.then(steps);
    this.#moving = moved.catch(() => {});
    return moved;
  }

  async #runNext(limit: number): Promise<boolean> {
    const timer = this.#timers.peek();
    if (timer === undefined || timer.at > limit) return false;
    this.#timers.pop();
    const run = timer.run;
    if (run === undefined) return true;
    timer.run = undefined;
    this.#pending -= 1;
    this.#now = timer.at;
    run();
    await settle();
    return true;
  }
}

/** All promise reactions, however long their chains, run before the event loop gets to the next immediate. */
async function settle(): Promise<void> {
  do {
    await new Promise<void>((resolve) => immediate(resolve));
  } while (isYielding());
}
