/**
 * A promise that settles with whichever of several things comes first. `attach` starts to wait for them, and returns what stops
 * each wait; all are stopped once the promise has settled.
 */
export function firstOf<T>(
  attach: (resolve: (value: T) => void, reject: (error: unknown) => void) => readonly (() => void)[],
): Promise<T> {
  return new Promise((resolve, reject) => {
    let stops: readonly (() => void)[] = [];
    let settled = false;
    const settle = (finish: () => void) => {
      if (settled) return;
      settled = true;
      for (const stop of stops) stop();
      finish();
    };
    stops = attach(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    );
    if (settled) for (const stop of stops) stop();
  });
}
