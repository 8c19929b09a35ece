import type { Connection } from "./connection.js";
import { connectionLost } from "./errors.js";

const FIRST_DELAY_MS = 20;
const MAX_DELAY_MS = 500;

export interface LinkObserver {
  up(connection: Connection): void;
  down(cause: unknown): void;
}

/** Finds the server anew, which may be another one by now, and connects. */
export type Dial = (signal: AbortSignal) => Promise<Connection>;

/** Contact with the store, kept up: when a connection breaks, another one is made, until `close`. */
export class Link {
  readonly #dial: Dial;
  readonly #observer: LinkObserver;
  readonly #closing = new AbortController();
  #connection: Connection | undefined;
  #lastCause: unknown;
  #delayMs = 0;
  #waiters = new Set<() => void>();

  constructor(first: Connection, dial: Dial, observer: LinkObserver) {
    this.#dial = dial;
    this.#observer = observer;
    this.#use(first);
  }

  /** The connection that is up; throws `CONNECTION_LOST`, `"not-applied"`, when there is none. */
  get connection(): Connection {
    if (this.#connection === undefined) throw connectionLost("not-applied", this.#lastCause);
    return this.#connection;
  }

  /** Waits until a connection is up. Rejects with `CONNECTION_LOST` after `timeoutMs`, and when the link is closed. */
  async whenUp(timeoutMs = Number.POSITIVE_INFINITY): Promise<Connection> {
    const deadline = performance.now() + timeoutMs;
    while (this.#connection === undefined) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || this.#closing.signal.aborted) throw connectionLost("not-applied", this.#lastCause);
      await this.#change(leftMs);
    }
    return this.#connection;
  }

  /** Says that the store answered: only then is a connection worth nothing less than a prompt new one. */
  answered(): void {
    this.#delayMs = 0;
  }

  /** Ends contact for good. Idempotent. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    const cause = new Error("the session was closed");
    const connection = this.#connection;
    this.#connection = undefined;
    this.#lastCause = cause;
    this.#closing.abort(cause);
    connection?.break(cause);
    this.#wake();
  }

  #use(connection: Connection): void {
    this.#connection = connection;
    const onBroken = (): void => this.#lost(connection, connection.broken.reason);
    if (connection.broken.aborted) onBroken();
    else connection.broken.addEventListener("abort", onBroken, { once: true });
  }

  #lost(connection: Connection, cause: unknown): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#lastCause = cause;
    this.#observer.down(cause);
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    const signal = this.#closing.signal;
    while (!signal.aborted) {
      await pause(this.#delayMs * (0.75 + Math.random() / 2), signal);
      this.#delayMs = Math.min(MAX_DELAY_MS, Math.max(FIRST_DELAY_MS, this.#delayMs * 2));
      if (signal.aborted) return;
      try {
        const connection = await this.#dial(signal);
        this.#use(connection);
        if (this.#connection !== connection) return;
        this.#observer.up(connection);
        this.#wake();
        return;
      } catch (error) {
        this.#lastCause = error;
      }
    }
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = Number.isFinite(timeoutMs) ? setTimeout(() => wake(), timeoutMs) : undefined;
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve();
      };
      this.#waiters.add(wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal.addEventListener("abort", end, { once: true });
  });
}
