import type { Backend } from "../backend/backend.js";
import type { Clock } from "../backend/clock.js";
import { ConclaveError } from "../errors.js";
import { aborted } from "./calls.js";
import { firstOf } from "./first-of.js";
import type { LiveSession } from "./live-session.js";
import { onAbort } from "./on-abort.js";
import { openSession, type SessionConfig } from "./open-session.js";
import { pause } from "./pause.js";

const firstDelayMs = 25;
const longestDelayMs = 1_000;

/** Keeps one session open: when it ends, the next, until closed. */
export class Keeper {
  readonly backend: Backend;
  readonly #config: SessionConfig;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(live: LiveSession) => void>();
  readonly #failureListeners = new Set<(error: unknown) => void>();
  #current: LiveSession | undefined;
  #running: Promise<void> | undefined;

  constructor(backend: Backend, config: SessionConfig) {
    this.backend = backend;
    this.#config = config;
  }

  get clock(): Clock {
    return this.backend.clock;
  }

  /** Aborts when `close` is called, with a `CLOSED` error as its reason. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** Begins to open sessions. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** The session that is open now, or the next one that is. */
  async live(signal: AbortSignal | undefined): Promise<LiveSession> {
    this.check();
    if (signal?.aborted) throw aborted(signal);
    const current = this.current;
    if (current) return current;
    return firstOf<LiveSession>((resolve, reject) => [
      this.onSession(resolve),
      onAbort(this.signal, () => reject(this.signal.reason)),
      onAbort(signal, () => reject(aborted(signal))),
    ]);
  }

  /** The session that is open now, unless it is over. */
  get current(): LiveSession | undefined {
    const state = this.#current?.state;
    return state === "connected" || state === "suspended" ? this.#current : undefined;
  }

  /** Calls `listener` with each session that is opened from now on. */
  onSession(listener: (live: LiveSession) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `listener` with each failure to open a session. */
  onFailure(listener: (error: unknown) => void): () => void {
    this.#failureListeners.add(listener);
    return () => this.#failureListeners.delete(listener);
  }

  /** Calls `listener` with the current session, if there is one, and each later one. */
  follow(listener: (live: LiveSession) => void): () => void {
    const stop = this.onSession(listener);
    const current = this.current;
    if (current) tell(listener, current);
    return stop;
  }

  /** Throws `CLOSED` once `close` was called. */
  check(): void {
    if (this.signal.aborted) throw this.signal.reason;
  }

  async close(): Promise<void> {
    if (!this.signal.aborted) {
      this.#closing.abort(new ConclaveError("CLOSED", "the coordinator was closed"));
      this.#listeners.clear();
    }
    await this.#current?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let attempt = 0; !this.signal.aborted; attempt += 1) {
      try {
        const live = await openSession(this.backend, this.#config, this.signal);
        attempt = 0;
        await this.#keep(live);
      } catch (error) {
        this.#failed(error);
      }
      const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** attempt);
      await pause(this.clock, delayMs * (0.5 + Math.random() / 2), this.signal);
    }
  }

  #failed(error: unknown): void {
    if (this.signal.aborted) return;
    for (const listener of [...this.#failureListeners]) listener(error);
  }

  /** Announces a session and lives with it until it ends. */
  async #keep(live: LiveSession): Promise<void> {
    this.#current = live;
    if (this.signal.aborted) {
      await live.close();
      return;
    }
    const ended = new Promise<void>((resolve) => {
      onAbort(live.signal, resolve);
    });
    for (const listener of [...this.#listeners]) tell(listener, live);
    if (!live.signal.aborted) await ended;
    if (this.#current === live) this.#current = undefined;
  }
}

/** A session may end at any look at its deadline, and so under whoever is told of it: then the next one is what counts. */
function tell(listener: (live: LiveSession) => void, live: LiveSession): void {
  try {
    listener(live);
  } catch (error) {
    if (!live.signal.aborted) throw error;
  }
}
