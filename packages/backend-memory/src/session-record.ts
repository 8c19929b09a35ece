import type { Entry } from "./entry.js";

/** A session as the store keeps it. */
export class SessionRecord {
  readonly number: number;
  readonly id: string;
  readonly timeoutMs: number;
  /** When it expires, unless it is renewed before; by the store's clock. */
  deadlineMs: number;
  /** Why it is over; `undefined` while it lives. */
  endedBecause: string | undefined;
  /** Its ephemeral nodes. */
  readonly owned = new Set<Entry>();
  /** Tells the client, if it is connected, that the session is over. */
  tellEnded: ((cause: string) => void) | undefined;

  constructor(number: number, timeoutMs: number, nowMs: number) {
    this.number = number;
    this.id = `session-${number}`;
    this.timeoutMs = timeoutMs;
    this.deadlineMs = nowMs + timeoutMs;
  }
}
