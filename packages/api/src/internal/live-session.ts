import type { Capabilities } from "../backend/backend.js";
import type { Clock } from "../backend/clock.js";
import type { BackendSession } from "../backend/session.js";
import type { StopWatch } from "../backend/watch.js";
import { ConclaveError, type Outcome } from "../errors.js";
import { aborted, Calls } from "./calls.js";
import { firstOf } from "./first-of.js";
import { Lease, type SessionState } from "./lease.js";
import { onAbort } from "./on-abort.js";
import { pause } from "./pause.js";

/** How long to hold back before trying again where contact is said to be there and still calls fail: a share of the timeout. */
const retryShare = 1 / 50;

/**
 * One session with its time kept: what `Session` and the recipes stand on. Settles every call and ends every watch when the
 * session ends, lets nothing through afterwards, and waits out disconnections where that is safe.
 */
export class LiveSession {
  readonly id: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly capabilities: Capabilities;
  readonly #backend: BackendSession;
  readonly #lease: Lease;
  readonly #calls = new Calls();
  readonly #ended = new AbortController();
  #closing: Promise<void> | undefined;
  readonly #stateListeners = new Set<(state: SessionState) => void>();

  constructor(backend: BackendSession, clock: Clock, capabilities: Capabilities) {
    this.id = backend.id;
    this.timeoutMs = backend.timeoutMs;
    this.clock = clock;
    this.capabilities = capabilities;
    this.#backend = backend;
    this.#lease = new Lease({
      clock,
      timeoutMs: backend.timeoutMs,
      openedAtMs: backend.openedAtMs,
      renew: (timeoutMs) => backend.renew(timeoutMs),
      changed: (state, reason) => this.#changed(state, reason),
    });
  }

  get state(): SessionState {
    return this.#lease.state;
  }

  /** Aborts once, when the session is lost or closed, with the `ConclaveError` that says which. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Throws the reason for which the session ended, if it has. Compares the deadline. */
  check(): void {
    const { state } = this.#lease;
    if (state === "lost" || state === "closed") throw this.#ended.signal.reason;
  }

  disconnected(cause: unknown): void {
    this.#lease.disconnected(cause);
  }

  endedByStore(cause: unknown): void {
    this.#lease.ended(cause);
  }

  /** Calls a read, or a write that may be repeated: again after each loss of contact, until it is answered (OUT-2). */
  idempotent<T>(call: (backend: BackendSession) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#attempt(call, signal, "not-applied", () => true);
  }

  /** Calls a write: again only after a loss of contact that certainly came before it was sent (OUT-1). */
  once<T>(call: (backend: BackendSession) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#attempt(call, signal, "unknown", (error) => error.outcome === "not-applied");
  }

  /** Attaches a watch for as long as the session lives; `ended` tells why it stopped, unless you stop it. */
  watch(start: (backend: BackendSession) => StopWatch, ended: (reason: ConclaveError) => void): StopWatch {
    this.check();
    const stop = start(this.#backend);
    const cancel = onAbort(this.signal, () => {
      stop();
      ended(this.signal.reason);
    });
    return () => {
      cancel();
      stop();
    };
  }

  /** Calls `listener` at each change of state; returns what stops that. */
  onState(listener: (state: SessionState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /** Ends the session at the store if it can be told within a third of the timeout, and here in any case (SES-10). */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      let done = () => {};
      // Set before anybody hears of it, who may call close() again from there.
      this.#closing = new Promise((resolve) => {
        done = resolve;
      });
      this.#close().then(done, done);
    }
    return this.#closing;
  }

  async #close(): Promise<void> {
    // Reading the state first: past the deadline there is nothing left to close.
    if (this.state === "lost") return;
    this.#lease.close();
    await new Promise<void>((resolve) => {
      const cancel = this.clock.schedule(this.timeoutMs / 3, resolve);
      const told = () => {
        cancel();
        resolve();
      };
      this.#backend.close().then(told, told);
    });
    this.#backend.abandon();
  }

  async #attempt<T>(
    call: (backend: BackendSession) => Promise<T>,
    signal: AbortSignal | undefined,
    outcome: Outcome,
    mayRepeat: (error: ConclaveError) => boolean,
  ): Promise<T> {
    for (;;) {
      this.check();
      if (signal?.aborted) throw aborted(signal);
      try {
        return await this.#calls.run(() => call(this.#backend), outcome, signal);
      } catch (error) {
        if (!ConclaveError.is(error)) throw unexpected(error, outcome);
        if (error.code === "SESSION_LOST") this.#lease.ended(error);
        if (error.code !== "CONNECTION_LOST" || !mayRepeat(error)) throw error;
        await this.#contact(signal);
      }
    }
  }

  /** Waits until there is contact again, the session is over, or `signal` aborts; the caller looks which. */
  async #contact(signal: AbortSignal | undefined): Promise<void> {
    if (this.state === "connected") {
      await pause(this.clock, this.timeoutMs * retryShare, signal, this.signal);
    }
    while (this.state === "suspended" && !signal?.aborted) {
      await firstOf<void>((resolve) => [this.onState(() => resolve()), onAbort(signal, resolve)]);
    }
  }

  #changed(state: SessionState, reason: ConclaveError | undefined): void {
    for (const listener of [...this.#stateListeners]) listener(state);
    if (reason === undefined) return;
    // First nothing more gets out, then holders and waiters are told.
    this.#calls.endAll(reason);
    this.#ended.abort(reason);
    this.#stateListeners.clear();
    if (state === "lost") this.#backend.abandon();
  }
}

function unexpected(cause: unknown, outcome: Outcome): ConclaveError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new ConclaveError("STORE_ERROR", `the backend failed: ${message}`, { outcome, cause });
}
