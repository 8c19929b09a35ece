import { iterable } from "./latest.js";
import { onAbort } from "./on-abort.js";

/**
 * An iterable over what an async generator yields, of which `return` also takes effect while a read is pending: it aborts the
 * signal that the generator waits under. Ends quietly when the caller's signal aborts.
 */
export function generated<T>(
  signal: AbortSignal | undefined,
  generate: (signal: AbortSignal) => AsyncGenerator<T, void, void>,
): AsyncIterable<T> {
  return iterable(() => {
    const stopping = new AbortController();
    const stop = () => stopping.abort();
    const cancel = onAbort(signal, stop);
    const values = generate(stopping.signal);
    const finish = () => {
      cancel();
      stop();
    };
    const iterator: AsyncIterator<T, void> = {
      async next() {
        try {
          const result = await values.next();
          if (result.done) finish();
          return result;
        } catch (error) {
          const wasStopped = stopping.signal.aborted;
          finish();
          if (wasStopped) return { done: true, value: undefined };
          throw error;
        }
      },
      async return() {
        finish();
        await values.return().catch(() => {});
        return { done: true, value: undefined };
      },
    };
    return iterator;
  });
}
