import type { Connection } from "./driver.js";
import { isContactLost } from "./errors.js";
import { connectionGone, type Hearing, type HearingOptions } from "./hearing.js";

/** Of the session's timeout: an acknowledgement of something that was sent longer ago calls for another. */
const RECENT_SHARE = 1 / 3;

/**
 * A server that stands alone counts the session's time from whatever it hears. So nothing is sent where the driver tells of
 * answers and there was one lately; otherwise a node is read.
 */
export class HeardByServer implements Hearing {
  readonly #options: HearingOptions;
  /** What was told last: the same answer does not renew twice. */
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(options: HearingOptions) {
    this.#options = options;
  }

  async heard(signal: AbortSignal): Promise<number> {
    for (;;) {
      const connection = await this.#options.link.connected(signal);
      try {
        const sentAtMs = await this.#heard(connection);
        signal.throwIfAborted();
        this.#toldMs = Math.max(this.#toldMs, sentAtMs);
        return sentAtMs;
      } catch (error) {
        if (signal.aborted || !isContactLost(error)) throw error;
      }
      await connectionGone();
    }
  }

  reconnected(): void {}

  stop(): void {}

  /** When what the server has acknowledged was sent. */
  async #heard(connection: Connection): Promise<number> {
    const { clock, path, sessionTimeoutMs } = this.#options;
    const { acknowledgedMs } = connection;
    const nowMs = clock.now();
    if (acknowledgedMs !== undefined) {
      const isRecent = acknowledgedMs > nowMs - sessionTimeoutMs * RECENT_SHARE;
      if (isRecent && acknowledgedMs > this.#toldMs) return acknowledgedMs;
    }
    await connection.exists(path, { watch: false });
    return Math.max(nowMs, connection.acknowledgedMs ?? nowMs);
  }
}
