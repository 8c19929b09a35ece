import type { Clock } from "../backend/clock.js";
import { ConclaveError } from "../errors.js";
import { checkDuration, checkOptions } from "./check.js";
import { onAbort } from "./on-abort.js";

export interface WaitOptions {
  /** Gives the wait up: it rejects with `ABORTED` and leaves nothing behind (OUT-4). */
  readonly signal?: AbortSignal | undefined;
  /** Gives the wait up after this many milliseconds: it rejects with `TIMEOUT` and leaves nothing behind (OUT-4). Default: none. */
  readonly timeoutMs?: number | undefined;
}

/** Throws `INVALID_ARGUMENT` for options of a wait that cannot be meant. */
export function checkWaitOptions(where: string, options: WaitOptions, others: readonly string[] = []): void {
  checkOptions(where, options, ["signal", "timeoutMs", ...others]);
  if (options.timeoutMs !== undefined) checkDuration(`${where}: timeoutMs`, options.timeoutMs, 0);
}

/** Runs `wait` with one signal that stands for both the caller's signal and the time limit. */
export async function waiting<T>(
  clock: Clock,
  where: string,
  options: WaitOptions,
  wait: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const { signal, timeoutMs } = options;
  if (timeoutMs === undefined) return wait(signal);
  const controller = new AbortController();
  const cancelForward = onAbort(signal, () => controller.abort(signal?.reason));
  let timedOut = false;
  const cancelTimer = clock.schedule(timeoutMs, () => {
    timedOut = true;
    controller.abort();
  });
  try {
    return await wait(controller.signal);
  } catch (error) {
    if (timedOut && ConclaveError.is(error, "ABORTED")) {
      throw new ConclaveError("TIMEOUT", `${where}: not within ${timeoutMs} ms`, { outcome: error.outcome });
    }
    throw error;
  } finally {
    cancelTimer();
    cancelForward();
  }
}
