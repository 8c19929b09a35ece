/**
 * Time as the session machinery sees it: monotonic, never the wall clock.
 *
 * Real backends use `systemClock`; the memory backend brings one that tests can drive.
 */
export interface Clock {
  /** Milliseconds since an arbitrary origin, never going back, fractions allowed. */
  now(): number;
  /** Calls `run` once after `delayMs`; returns a function that cancels it. */
  schedule(delayMs: number, run: () => void): () => void;
}

/** The process's monotonic clock. Looks the globals up at each use, so that fake timers take effect. */
export const systemClock: Clock = {
  now: () => performance.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
