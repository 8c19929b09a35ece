import { ConclaveError } from "@conclave/api/backend";
import type { Connection } from "./driver.js";
import { toConclaveError } from "./errors.js";
import { HeardByLeader } from "./heard-by-leader.js";
import { HeardByServer } from "./heard-by-server.js";
import type { Hearing, HearingOptions } from "./hearing.js";
import type { Link } from "./link.js";

export interface RenewalOptions extends HearingOptions {
  readonly link: HearingOptions["link"] & Pick<Link, "replaceConnection">;
  /** Several servers: the one that answers need not be the one that decides when the session is over. */
  readonly isEnsemble: boolean;
}

/** Renews the session, within a time or not at all. */
export class Renewals {
  readonly #options: RenewalOptions;
  readonly #hearing: Hearing;

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#hearing = options.isEnsemble ? new HeardByLeader(options) : new HeardByServer(options);
  }

  async renew(timeoutMs: number): Promise<number> {
    const { link, clock } = this.#options;
    const abort = new AbortController();
    let atHalfTime: { readonly connection: Connection; readonly waiting: number } | undefined;
    const cancelLook = clock.schedule(timeoutMs / 2, () => {
      atHalfTime = link.current && { connection: link.current, waiting: link.current.pendingRequests };
    });
    const cancel = clock.schedule(timeoutMs, () => {
      const cause = new ConclaveError("CONNECTION_LOST", `no answer from ZooKeeper within ${timeoutMs} ms`, {
        outcome: "unknown",
      });
      abort.abort(cause);
      // One that is still answering what was asked before is busy, and not silent.
      const isBusy =
        atHalfTime !== undefined &&
        atHalfTime.connection === link.current &&
        atHalfTime.connection.pendingRequests < atHalfTime.waiting;
      if (!isBusy) link.replaceConnection(cause);
    });
    try {
      return await this.#hearing.heard(abort.signal);
    } catch (error) {
      throw toConclaveError(abort.signal.aborted ? abort.signal.reason : error, "/");
    } finally {
      cancelLook();
      cancel();
    }
  }

  reconnected(): void {
    this.#hearing.reconnected();
  }

  stop(): void {
    this.#hearing.stop();
  }
}
