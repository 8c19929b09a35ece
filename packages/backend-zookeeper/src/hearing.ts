import type { Clock } from "@conclave/api/backend";
import type { Link } from "./link.js";

export interface HearingOptions {
  readonly link: Pick<Link, "connected" | "current" | "connectingSinceMs">;
  readonly clock: Clock;
  /** Of a node that may be asked for. */
  readonly path: string;
  /** As granted. */
  readonly sessionTimeoutMs: number;
}

/** Has whoever decides that the session is over hear from it, and knows when that surely was. */
export interface Hearing {
  /**
   * Resolves with a time before which nothing counts any more: whoever decides has heard from the session then, or later. It is
   * later than all that were told before. Waits for the connection if there is none. Settles when `signal` aborts.
   */
  heard(signal: AbortSignal): Promise<number>;
  /** There is another connection. */
  reconnected(): void;
  stop(): void;
}

/** A request may fail a moment before the link hears that its connection is over. */
export function connectionGone(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
