/** Time that passes when the test says so. */
export class ManualClock {
  #nowMs = 0;
  readonly #due = new Map<() => void, number>();

  get pending(): number {
    return this.#due.size;
  }

  now(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const entry = () => run();
    this.#due.set(entry, this.#nowMs + delayMs);
    return () => this.#due.delete(entry);
  }

  async to(atMs: number): Promise<void> {
    this.#nowMs = atMs;
    for (const [run, dueMs] of [...this.#due]) {
      if (dueMs <= atMs && this.#due.delete(run)) run();
    }
    await settled();
  }
}

export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
