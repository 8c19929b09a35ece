import type { Clock } from "../../backend/clock.js";
import { showOption } from "../../backend/options.js";
import { ConclaveError } from "../../errors.js";
import { checkOptions } from "../../internal/check.js";
import { rendezvous } from "../../internal/rendezvous.js";
import { Rotation } from "./rotation.js";

const strategies = ["round-robin", "random", "least-recently-failed", "sticky"] as const;

/**
 * - `"round-robin"`: each in turn; one that comes joins with the next round. O(1).
 * - `"random"`: any. O(1).
 * - `"least-recently-failed"`: each in turn and, when all are down, the one whose failure was reported longest ago. O(1).
 * - `"sticky"`: the one that the `key` belongs to, the same in every process that sees the same instances; when an instance goes,
 *   only its keys move, and when one comes, keys move only to it. O(n).
 */
export type PickStrategy = (typeof strategies)[number];

export interface PickOptions {
  /** Default `"round-robin"`. */
  readonly strategy?: PickStrategy | undefined;
  /** What `"sticky"` goes by, such as a user's id; for that strategy only, and required there. */
  readonly key?: string | undefined;
}

/** How long an instance is avoided after failures. */
export interface DownTimes {
  readonly downMs: number;
  readonly maxDownMs: number;
}

interface Mark {
  /** In a row. */
  readonly failures: number;
  readonly untilMs: number;
}

/** Throws `INVALID_ARGUMENT` for a strategy that there is not, and for a key where there should be none, or none where there should be one. */
export function checkPick(options: PickOptions): void {
  checkOptions("pick", options, ["strategy", "key"]);
  const { strategy = "round-robin", key } = options;
  if (!strategies.includes(strategy)) {
    const known = strategies.map((name) => JSON.stringify(name)).join(", ");
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `pick: strategy is one of ${known}, not ${showOption(strategy)}`,
    );
  }
  if (strategy === "sticky" ? typeof key !== "string" : key !== undefined) {
    const rule = strategy === "sticky" ? 'must be a string with "sticky"' : 'goes with "sticky" only';
    throw new ConclaveError("INVALID_ARGUMENT", `pick: key ${rule}, not ${showOption(key)}`);
  }
}

/**
 * Picks from a changing set. What was reported to have failed is down for a time, in which every strategy avoids it; when all
 * are down, that tells nothing of any, and none is avoided.
 */
export class Picker<T> {
  readonly #clock: Clock;
  readonly #times: DownTimes;
  readonly #up = new Rotation<T>();
  readonly #down = new Rotation<T>();
  /** Of those that have failed and not succeeded since; the one whose failure is the oldest comes first. */
  readonly #marks = new Map<string, Mark>();
  /** Nobody's time is over before this. */
  #nextReturnMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, times: DownTimes) {
    this.#clock = clock;
    this.#times = times;
  }

  set(id: string, value: T): void {
    (this.#down.has(id) ? this.#down : this.#up).set(id, value);
  }

  delete(id: string): void {
    this.#marks.delete(id);
    if (!this.#up.delete(id)) this.#down.delete(id);
  }

  failed(id: string): void {
    const now = this.#clock.now();
    this.#returnDue(now);
    const before = this.#marks.get(id);
    // Put last, as the latest failure.
    this.#marks.delete(id);
    if (before !== undefined && this.#down.has(id)) {
      // Calls that were under way together fail together: that is one failure.
      this.#marks.set(id, before);
      return;
    }
    const value = this.#up.get(id);
    if (value === undefined) return;
    const { downMs, maxDownMs } = this.#times;
    const isForgotten = before === undefined || now - before.untilMs > maxDownMs;
    const failures = isForgotten ? 1 : before.failures + 1;
    const untilMs = now + Math.min(maxDownMs, downMs * 2 ** (failures - 1));
    this.#marks.set(id, { failures, untilMs });
    this.#nextReturnMs = Math.min(this.#nextReturnMs, untilMs);
    this.#up.delete(id);
    this.#down.set(id, value);
  }

  succeeded(id: string): void {
    this.#marks.delete(id);
    this.#raise(id);
  }

  pick({ strategy = "round-robin", key = "" }: PickOptions): T | undefined {
    this.#returnDue(this.#clock.now());
    const from = this.#up.size > 0 ? this.#up : this.#down;
    switch (strategy) {
      case "round-robin":
        return from.next();
      case "random":
        return from.any(Math.random());
      case "least-recently-failed":
        return this.#up.size > 0 ? from.next() : this.#leastRecentlyFailed();
      case "sticky":
        return rendezvous(key, from);
    }
  }

  #leastRecentlyFailed(): T | undefined {
    const [id] = this.#marks.keys();
    return id === undefined ? undefined : this.#down.get(id);
  }

  /** Takes back those whose time is over. Looks at all that are down, but only when one of them is due. */
  #returnDue(now: number): void {
    if (now < this.#nextReturnMs) return;
    this.#nextReturnMs = Number.POSITIVE_INFINITY;
    for (const [id] of [...this.#down]) {
      const untilMs = this.#marks.get(id)?.untilMs ?? now;
      if (untilMs <= now) this.#raise(id);
      else this.#nextReturnMs = Math.min(this.#nextReturnMs, untilMs);
    }
  }

  #raise(id: string): void {
    const value = this.#down.get(id);
    if (value === undefined) return;
    this.#down.delete(id);
    this.#up.set(id, value);
  }
}
