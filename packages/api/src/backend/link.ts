import { ConclaveError, type Outcome } from "../errors.js";
import { firstOf } from "../internal/first-of.js";
import { onAbort } from "../internal/on-abort.js";
import { pause } from "../internal/pause.js";
import type { Clock } from "./clock.js";
import { within } from "./within.js";

const firstDelayMs = 20;
const longestDelayMs = 500;

/** Contact with one server, as `Link` wants it: made once and broken once, it never reconnects and sends nothing a second time. */
export interface LinkConnection {
  /** Aborts, with the cause as its reason, when the connection breaks or is closed. */
  readonly broken: AbortSignal;
  /** Ends the connection; what is under way rejects. Only the first cause counts. */
  break(cause: unknown): void;
}

export interface LinkOptions<C extends LinkConnection> {
  readonly clock: Clock;
  /** The one that is up to begin with. */
  readonly first: C;
  /** Makes another connection, to whichever server has the store by now. Takes no longer than the session can wait. */
  dial(signal: AbortSignal): Promise<C>;
  /** Another connection is up. Called before those who wait for one go on. */
  up(connection: C): void;
  /** The connection that was up broke. Not called when it was `close` that ended it. */
  down(cause: unknown): void;
  /** Says `CONNECTION_LOST` in the words of the store. */
  lost(outcome: Outcome, cause: unknown): ConclaveError;
}

interface Waiter<C> {
  resolve(connection: C): void;
  reject(error: ConclaveError): void;
}

/**
 * Contact with a store, kept up for one session: when a connection breaks, another one is made, until `close`.
 *
 * The first attempt follows at once, later ones with growing pauses, up to half a second.
 */
export class Link<C extends LinkConnection> {
  readonly #options: LinkOptions<C>;
  readonly #closing = new AbortController();
  readonly #waiters = new Set<Waiter<C>>();
  #connection: C | undefined;
  #lastCause: unknown;
  #delayMs = 0;

  constructor(options: LinkOptions<C>) {
    this.#options = options;
    this.#use(options.first);
  }

  /** The connection that is up; throws `CONNECTION_LOST`, `"not-applied"`, when there is none. */
  get connection(): C {
    if (this.#connection === undefined) throw this.#notUp();
    return this.#connection;
  }

  /** Waits until a connection is up. Rejects with `CONNECTION_LOST` after `timeoutMs`, and when the link is closed. Default: no limit. */
  async whenUp(timeoutMs?: number): Promise<C> {
    if (this.#connection !== undefined) return this.#connection;
    if (this.#closing.signal.aborted) throw this.#notUp();
    return firstOf<C>((resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiters.add(waiter);
      const forget = () => this.#waiters.delete(waiter);
      if (timeoutMs === undefined) return [forget];
      return [forget, this.#options.clock.schedule(timeoutMs, () => reject(this.#notUp()))];
    });
  }

  /**
   * Asks on a connection as soon as one is up, and waits for the answer, `timeoutMs` in all. A connection that did not answer in
   * time is given up, so that a half-open one is replaced; the call then rejects with `CONNECTION_LOST`, `"unknown"`.
   */
  async ask<T>(timeoutMs: number, request: (connection: C) => Promise<T>): Promise<T> {
    const { clock, lost } = this.#options;
    const deadlineMs = clock.now() + timeoutMs;
    const connection = await this.whenUp(timeoutMs);
    const answer = await within(clock, deadlineMs - clock.now(), request(connection), () => {
      const cause = new Error(`no answer within ${Math.round(timeoutMs)} ms`);
      connection.break(cause);
      return lost("unknown", cause);
    });
    // Only a server that answers is worth a prompt new connection: one that takes connections and ends them is not.
    this.#delayMs = 0;
    return answer;
  }

  /**
   * Asks until there is an answer, on one connection after another, `timeoutMs` in all. For what may be asked twice. Rejects with
   * `CONNECTION_LOST` when time is up or the link is closed, and with what the store refuses.
   */
  async insist<T>(timeoutMs: number, request: (connection: C) => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const deadlineMs = clock.now() + timeoutMs;
    for (;;) {
      await this.whenUp(deadlineMs - clock.now());
      try {
        // One that doesn't answer must leave time for another.
        return await this.ask(Math.min(timeoutMs / 2, deadlineMs - clock.now()), request);
      } catch (error) {
        if (!ConclaveError.is(error, "CONNECTION_LOST") || clock.now() >= deadlineMs) throw error;
      }
    }
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
    for (const waiter of [...this.#waiters]) waiter.reject(this.#notUp());
  }

  #use(connection: C): void {
    this.#connection = connection;
    onAbort(connection.broken, () => this.#broke(connection));
  }

  #broke(connection: C): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#lastCause = connection.broken.reason;
    this.#options.down(this.#lastCause);
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    const { clock, dial } = this.#options;
    const signal = this.#closing.signal;
    while (!signal.aborted) {
      await pause(clock, this.#delayMs * (0.75 + Math.random() / 2), signal);
      this.#delayMs = Math.min(longestDelayMs, Math.max(firstDelayMs, this.#delayMs * 2));
      if (signal.aborted) return;
      try {
        const connection = await dial(signal);
        connection.broken.throwIfAborted();
        this.#replace(connection);
        return;
      } catch (error) {
        this.#lastCause = error;
      }
    }
  }

  #replace(connection: C): void {
    const { signal } = this.#closing;
    if (signal.aborted) {
      connection.break(signal.reason);
      return;
    }
    this.#use(connection);
    this.#options.up(connection);
    // What it was used for meanwhile may have broken it.
    if (this.#connection !== connection) return;
    for (const waiter of [...this.#waiters]) waiter.resolve(connection);
  }

  #notUp(): ConclaveError {
    return this.#options.lost("not-applied", this.#lastCause);
  }
}
