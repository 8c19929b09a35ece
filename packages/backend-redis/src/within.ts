/** Waits for `work`, at most `timeoutMs`; then rejects with what `timedOut` returns. */
export function within<T>(timeoutMs: number, work: Promise<T>, timedOut: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(timedOut()), Math.max(0, timeoutMs));
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
