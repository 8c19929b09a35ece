import { firstOf } from "../internal/first-of.js";
import { onAbort } from "../internal/on-abort.js";
import type { Clock } from "./clock.js";

/** Waits for `work`, at most `timeoutMs`; then rejects with what `timedOut` returns. What becomes of the work is up to the caller. */
export function within<T>(
  clock: Clock,
  timeoutMs: number,
  work: Promise<T>,
  timedOut: () => Error,
): Promise<T> {
  return firstOf<T>((resolve, reject) => {
    work.then(resolve, reject);
    return [clock.schedule(Math.max(0, timeoutMs), () => reject(timedOut()))];
  });
}

/** Waits for `work` until `signal` aborts; then rejects with its reason. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return firstOf<T>((resolve, reject) => {
    work.then(resolve, reject);
    return [onAbort(signal, () => reject(signal.reason))];
  });
}
