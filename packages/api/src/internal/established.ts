import { aborted } from "./calls.js";
import { firstOf } from "./first-of.js";
import type { Keeper } from "./keeper.js";
import { onAbort } from "./on-abort.js";
import { type WaitOptions, waiting } from "./wait.js";

/** Something that goes on by itself, across sessions, once it has begun. */
export interface Ongoing {
  /** Resolves with its first success; rejects when it is refused. */
  begun(): Promise<void>;
  /** Undoes it, in the background if need be. */
  giveUp(): void;
}

/**
 * Begins something, waits for its first success, and undoes it when the wait is given up, fails, or the coordinator is closed
 * (OUT-4). Nothing begins when that is so from the start.
 */
export async function established<T extends Ongoing>(
  keeper: Keeper,
  where: string,
  options: WaitOptions,
  begin: () => T,
): Promise<T> {
  const { signal, timeoutMs } = options;
  keeper.check();
  if (signal?.aborted) throw aborted(signal);
  const ongoing = begin();
  try {
    await waiting(keeper.clock, where, { signal, timeoutMs }, (either) =>
      firstOf<void>((resolve, reject) => {
        ongoing.begun().then(resolve, reject);
        return [
          onAbort(keeper.signal, () => reject(keeper.signal.reason)),
          onAbort(either, () => reject(aborted(either))),
        ];
      }),
    );
    return ongoing;
  } catch (error) {
    ongoing.giveUp();
    throw error;
  }
}
