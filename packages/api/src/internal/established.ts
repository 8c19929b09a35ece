import { aborted } from "./calls.js";
import { firstOf } from "./first-of.js";
import type { Keeper } from "./keeper.js";
import { onAbort } from "./on-abort.js";
import { type WaitOptions, waiting } from "./wait.js";

/**
 * Waits for the first success of something that goes on by itself from then on, and undoes it when the wait is given up, fails, or
 * the coordinator is closed (OUT-4).
 */
export async function established(
  keeper: Keeper,
  where: string,
  options: WaitOptions,
  { first, undo }: { first(): Promise<void>; undo(): void },
): Promise<void> {
  try {
    await waiting(keeper.clock, where, options, (signal) =>
      firstOf<void>((resolve, reject) => {
        first().then(resolve, reject);
        return [
          onAbort(keeper.signal, () => reject(keeper.signal.reason)),
          onAbort(signal, () => reject(aborted(signal))),
        ];
      }),
    );
  } catch (error) {
    undo();
    throw error;
  }
}
