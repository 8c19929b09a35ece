import { ConclaveError } from "@conclave/api/backend";
import type { Connection } from "./driver.js";
import { isContactLost } from "./errors.js";
import { connectionGone, type Hearing, type HearingOptions } from "./hearing.js";

/**
 * Of the session's timeout: how long what a follower hears may take until its leader has heard of it. Leaders ask for it every
 * half tick, and sessions have at least two ticks unless `minSessionTimeout` says otherwise.
 */
const RELAY_SHARE = 1 / 4;

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
  #changed: () => void = () => {};
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
        await new Promise<void>((resolve) => {
          this.#changed = resolve;
        });
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
    this.#failed(new ConclaveError("CLOSED", "the session was closed"));
    this.#endPause();
  }

  async #run(): Promise<void> {
    const { link } = this.#options;
    while (!this.#stopped) {
      try {
        await this.#speak(await link.connected());
      } catch (error) {
        if (!isContactLost(error)) this.#failed(error);
      }
      await connectionGone();
    }
  }

  /** For as long as the connection lasts. */
  async #speak(connection: Connection): Promise<void> {
    const { link, clock, path } = this.#options;
    let sentAtMs = link.connectingSinceMs;
    this.#heardAt(sentAtMs);
    for (;;) {
      await this.#pauseUntil(sentAtMs + this.#relayMs);
      if (this.#stopped || link.current !== connection) return;
      const nowMs = clock.now();
      await connection.sync(path);
      this.#heardAt(sentAtMs);
      sentAtMs = nowMs;
    }
  }

  #heardAt(atMs: number): void {
    this.#provenMs = Math.max(this.#provenMs, atMs);
    this.#changed();
  }

  /** For good: the session is over, or the server refuses what it refuses nobody. */
  #failed(error: unknown): void {
    this.#failure ??= { error };
    this.#stopped = true;
    this.#changed();
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
