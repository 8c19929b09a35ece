import { ConclaveError } from "@conclave/api/backend";
import type { Connection } from "./driver.js";
import { isContactLost } from "./errors.js";
import { connectionGone, type Hearing, type HearingOptions } from "./hearing.js";

/**
 * Of the session's timeout: how long what a follower hears may take until its leader has heard of it. Leaders ask for it every
 * half tick, and sessions have at least two ticks unless `minSessionTimeout` says otherwise.
 */
const RELAY_SHARE = 1 / 4;
/** Of that time: how soon a sync that was refused is tried again. */
const RETRY_SHARE = 1 / 8;

/**
 * In an ensemble the leader decides when a session is over, by what followers tell it of whom they have heard. A follower that is
 * cut off from its leader goes on answering reads and pings, for `syncLimit` ticks, while the leader lets its sessions expire:
 * an answer proves nothing.
 *
 * The answer to a sync does: the follower asks its leader for it, on the same connection and in order behind what it tells of
 * whom it has heard. So the leader has heard of whatever was sent on this connection `RELAY_SHARE` before the sync. One is sent
 * in each such time, and proves the one before; that a session is opened or taken up is confirmed by the leader itself.
 *
 * After `Learner.ping` and `LearnerHandler.run` in ZooKeeper's sources.
 */
export class HeardByLeader implements Hearing {
  readonly #options: HearingOptions;
  readonly #relayMs: number;
  #provenMs: number;
  #toldMs: number;
  /** Why nothing is proven, if it is not for want of contact. */
  #failure: { readonly error: unknown } | undefined;
  #stopped = false;
  readonly #waiters = new Set<() => void>();
  #endPause: () => void = () => {};

  constructor(options: HearingOptions) {
    this.#options = options;
    this.#relayMs = options.sessionTimeoutMs * RELAY_SHARE;
    this.#provenMs = options.link.connectingSinceMs;
    this.#toldMs = this.#provenMs;
    void this.#run();
  }

  async heard(signal: AbortSignal): Promise<number> {
    const onAbort = (): void => this.#changed();
    signal.addEventListener("abort", onAbort);
    try {
      while (this.#provenMs <= this.#toldMs) {
        signal.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure.error;
        await new Promise<void>((resolve) => this.#waiters.add(resolve));
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    this.#toldMs = this.#provenMs;
    return this.#toldMs;
  }

  reconnected(): void {
    this.#endPause();
  }

  stop(): void {
    this.#end(new ConclaveError("CLOSED", "the session was closed"));
    this.#endPause();
  }

  async #run(): Promise<void> {
    const { link } = this.#options;
    while (!this.#stopped) {
      try {
        await this.#speak(await link.connected());
      } catch (error) {
        // There is no connection any more, now or for ever.
        if (!isContactLost(error)) this.#end(error);
      }
      await connectionGone();
    }
  }

  /** For as long as the connection lasts. */
  async #speak(connection: Connection): Promise<void> {
    const { link, clock, path } = this.#options;
    let heardAtMs = link.connectingSinceMs;
    let nextAtMs = heardAtMs + this.#relayMs;
    this.#prove(heardAtMs);
    for (;;) {
      await this.#pauseUntil(nextAtMs);
      if (this.#stopped || link.current !== connection) return;
      const sentAtMs = clock.now();
      try {
        await connection.sync(path);
      } catch (error) {
        if (isContactLost(error)) throw error;
        this.#refused(error);
        nextAtMs = clock.now() + this.#relayMs * RETRY_SHARE;
        continue;
      }
      this.#prove(heardAtMs);
      heardAtMs = sentAtMs;
      nextAtMs = heardAtMs + this.#relayMs;
    }
  }

  #prove(heardAtMs: number): void {
    this.#failure = undefined;
    this.#provenMs = Math.max(this.#provenMs, heardAtMs);
    this.#changed();
  }

  /** As a server does that has too much to do. */
  #refused(error: unknown): void {
    this.#failure = { error };
    this.#changed();
  }

  #end(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#refused(error);
  }

  #changed(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake();
  }

  #pauseUntil(atMs: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const cancel = clock.schedule(Math.max(0, atMs - clock.now()), resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
