import { type Clock, ConclaveError } from "@conclave/api/backend";
import type { Connection } from "./driver.js";
import { isContactLost, toConclaveError } from "./errors.js";
import type { Link } from "./link.js";

/** Of the session's timeout: an acknowledgement of something that was sent longer ago calls for another. */
const RECENT_SHARE = 1 / 3;

export interface RenewalOptions {
  readonly link: Link;
  readonly clock: Clock;
  /** Of a node that is read to be heard. */
  readonly path: string;
  /** As granted. */
  readonly sessionTimeoutMs: number;
}

/**
 * Lets the server hear from the session. Everything that the server answers renews it there, so that nothing is sent where the
 * driver tells of answers and there was one lately; otherwise a node is read.
 */
export class Renewals {
  readonly #options: RenewalOptions;
  /** What was reported last: the same answer does not renew twice. */
  #reportedMs = Number.NEGATIVE_INFINITY;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  async renew(timeoutMs: number): Promise<number> {
    const { link, clock } = this.#options;
    const abort = new AbortController();
    const cancel = clock.schedule(timeoutMs, () => {
      const cause = new ConclaveError("CONNECTION_LOST", `no answer from ZooKeeper within ${timeoutMs} ms`, {
        outcome: "unknown",
      });
      abort.abort(cause);
      link.replaceConnection(cause);
    });
    try {
      for (;;) {
        const connection = await link.connected(abort.signal);
        try {
          const sentAtMs = await this.#heard(connection);
          if (abort.signal.aborted) throw abort.signal.reason;
          this.#reportedMs = Math.max(this.#reportedMs, sentAtMs);
          return sentAtMs;
        } catch (error) {
          if (abort.signal.aborted || !isContactLost(error)) throw error;
        }
        await connectionGone();
      }
    } catch (error) {
      throw toConclaveError(abort.signal.aborted ? abort.signal.reason : error, "/");
    } finally {
      cancel();
    }
  }

  /** When what the server has acknowledged was sent. */
  async #heard(connection: Connection): Promise<number> {
    const { clock, path, sessionTimeoutMs } = this.#options;
    const { acknowledgedMs } = connection;
    const nowMs = clock.now();
    if (acknowledgedMs !== undefined) {
      const isRecent = acknowledgedMs > nowMs - sessionTimeoutMs * RECENT_SHARE;
      if (isRecent && acknowledgedMs > this.#reportedMs) return acknowledgedMs;
    }
    await connection.exists(path, { watch: false });
    return Math.max(nowMs, connection.acknowledgedMs ?? nowMs);
  }
}

/** A request may fail a moment before the link hears that its connection is over. */
function connectionGone(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
