import type { Clock } from "../backend/clock.js";

/** Resolves after `ms`, or as soon as a signal aborts; the caller looks which. */
export function pause(
  clock: Clock,
  ms: number,
  ...signals: readonly (AbortSignal | undefined)[]
): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      for (const signal of signals) signal?.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.schedule(ms, end);
    for (const signal of signals) {
      if (signal?.aborted) return end();
      signal?.addEventListener("abort", end, { once: true });
    }
  });
}
