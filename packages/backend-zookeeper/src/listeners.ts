/** Who wants to hear of what, by path. */
export class Listeners<Event> {
  readonly #byPath = new Map<string, Set<(event: Event) => void>>();
  readonly #unused: (path: string) => void;

  /** `unused` is called when nobody listens to a path any more. */
  constructor(unused: (path: string) => void) {
    this.#unused = unused;
  }

  has(path: string): boolean {
    return this.#byPath.has(path);
  }

  /** Returns how to stop. Idempotent. */
  add(path: string, listener: (event: Event) => void): () => void {
    const listeners = this.#byPath.get(path) ?? new Set();
    this.#byPath.set(path, listeners);
    listeners.add(listener);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.#byPath.delete(path);
      this.#unused(path);
    };
  }

  report(path: string, event: Event): void {
    for (const listener of [...(this.#byPath.get(path) ?? [])]) listener(event);
  }
}
