import type { Clock } from "@conclave/api/backend";
import { Heap } from "./heap.js";
import type { SessionRecord } from "./session-record.js";

interface Due {
  readonly atMs: number;
  readonly session: SessionRecord;
}

/**
 * Ends sessions at their deadlines, with one timer for all. A renewal only moves the session's deadline: the session
 * is put back when its old turn comes, so renewing costs nothing here.
 */
export class Expiry {
  readonly #clock: Clock;
  readonly #expire: (session: SessionRecord) => void;
  readonly #due = new Heap<Due>((a, b) => a.atMs < b.atMs);
  #alive = 0;
  #armedForMs = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | undefined;

  constructor(clock: Clock, expire: (session: SessionRecord) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  add(session: SessionRecord): void {
    this.#alive += 1;
    this.#due.push({ atMs: session.deadlineMs, session });
    this.#arm();
  }

  /** A session ended; without any left, no timer stays behind. */
  removed(): void {
    this.#alive -= 1;
    if (this.#alive > 0) return;
    this.#due.clear();
    this.#stop();
  }

  #arm(): void {
    const next = this.#due.peek();
    if (next === undefined || next.atMs >= this.#armedForMs) return;
    this.#stop();
    this.#armedForMs = next.atMs;
    this.#disarm = this.#clock.schedule(next.atMs - this.#clock.now(), () => this.#run());
  }

  #stop(): void {
    this.#disarm?.();
    this.#disarm = undefined;
    this.#armedForMs = Number.POSITIVE_INFINITY;
  }

  #run(): void {
    this.#stop();
    const now = this.#clock.now();
    for (let next = this.#due.peek(); next !== undefined && next.atMs <= now; next = this.#due.peek()) {
      this.#due.pop();
      const { session } = next;
      if (session.endedBecause !== undefined) continue;
      if (session.deadlineMs > now) this.#due.push({ atMs: session.deadlineMs, session });
      else this.#expire(session);
    }
    this.#arm();
  }
}
