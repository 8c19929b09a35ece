import type { Clock } from "@conclave/api/backend";

interface HeldTimer {
  run: (() => void) | undefined;
}

/** The clock as one client's process sees it: while the process is stopped time goes on, but no timer runs. */
export class ClientClock implements Clock {
  readonly #base: Clock;
  #stopped = false;
  /** Due while the process was stopped, in the order of their times. */
  #held: HeldTimer[] = [];

  constructor(base: Clock) {
    this.#base = base;
  }

  now(): number {
    return this.#base.now();
  }

  schedule(delayMs: number, run: () => void): () => void {
    const timer: HeldTimer = { run };
    const cancel = this.#base.schedule(delayMs, () => this.#fire(timer));
    return () => {
      timer.run = undefined;
      cancel();
    };
  }

  stop(): void {
    this.#stopped = true;
  }

  /** All timers that fell due run now, late, in their order, and then `afterwards`. */
  go(afterwards: () => void): void {
    this.#stopped = false;
    const held = this.#held;
    this.#held = [];
    for (const timer of held) this.#base.schedule(0, () => this.#fire(timer));
    this.schedule(0, afterwards);
  }

  #fire(timer: HeldTimer): void {
    if (this.#stopped) {
      this.#held.push(timer);
      return;
    }
    const run = timer.run;
    timer.run = undefined;
    run?.();
  }
}
