import type { Clock } from "../backend/clock.js";
import { firstOf } from "./first-of.js";
import { onAbort } from "./on-abort.js";

/** Resolves after `ms`, or as soon as a signal aborts; the caller looks which. */
export function pause(
  clock: Clock,
  ms: number,
  ...signals: readonly (AbortSignal | undefined)[]
): Promise<void> {
  return firstOf((resolve) => [
    clock.schedule(ms, resolve),
    ...signals.map((signal) => onAbort(signal, resolve)),
  ]);
}
