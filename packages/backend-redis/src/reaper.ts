/** How much later than a deadline to look: the deadline's own millisecond must be over, and not everybody should come at once. */
const LATENESS_MS = 5;
const SPREAD_MS = 60;

/**
 * Ends, at the store, sessions whose time is up, so that those who watch their nodes hear of it: Redis itself deletes an expired key
 * when it happens to find it. As long as all renew, the next deadline that each renewal tells lies far ahead and nothing is sent.
 */
export class Reaper {
  readonly #reap: () => Promise<number>;
  #timer: NodeJS.Timeout | undefined;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  /** `reap` ends what is due, and resolves with how many ms the next one has. */
  constructor(reap: () => Promise<number>) {
    this.#reap = reap;
  }

  /** The store says that the first of all sessions is due in so many ms; -1 for none. */
  known(inMs: number): void {
    this.#set(inMs < 0 ? Number.POSITIVE_INFINITY : performance.now() + inMs);
  }

  /** One more session is due in so many ms. */
  alsoDue(inMs: number): void {
    if (performance.now() + inMs < this.#dueAtMs) this.known(inMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #set(dueAtMs: number): void {
    clearTimeout(this.#timer);
    this.#dueAtMs = dueAtMs;
    if (this.#stopped || dueAtMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(0, dueAtMs - performance.now()) + LATENESS_MS + Math.random() * SPREAD_MS;
    this.#timer = setTimeout(() => void this.#run(), delayMs);
  }

  async #run(): Promise<void> {
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    try {
      this.known(await this.#reap());
    } catch {
      // Without contact; the next renewal tells what is due.
    }
  }
}
