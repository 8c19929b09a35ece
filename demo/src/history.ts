import type { Entry } from "./facts.js";

/** Everything that happened, in the order in which it became known. */
export class History {
  readonly #entries: Entry[] = [];
  readonly #listeners = new Set<(entry: Entry) => void>();
  #isOver = false;

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  add(entry: Entry): void {
    if (this.#isOver) return;
    this.#entries.push(entry);
    for (const listener of [...this.#listeners]) listener(entry);
  }

  /** From here on nothing counts: the workers are being stopped. */
  end(): void {
    this.#isOver = true;
  }

  onEntry(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first entry, past or future, for which `matches` holds. Rejects, saying that it waited for `what`. */
  first<E extends Entry>(
    what: string,
    matches: (entry: Entry) => entry is E,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<E> {
    const known = this.#entries.find(matches);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        stop();
        signal.removeEventListener("abort", abort);
        finish();
      };
      const abort = () => settle(() => reject(signal.reason));
      const timer = setTimeout(() => {
        settle(() => reject(new Error(`waited ${timeoutMs} ms in vain: ${what}`)));
      }, timeoutMs);
      const stop = this.onEntry((entry) => {
        if (matches(entry)) settle(() => resolve(entry));
      });
      signal.addEventListener("abort", abort, { once: true });
      if (signal.aborted) abort();
    });
  }
}
