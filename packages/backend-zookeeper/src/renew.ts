import { ConclaveError } from "@conclave/api/backend";
import { toConclaveError } from "./errors.js";
import { HeardByLeader } from "./heard-by-leader.js";
import { HeardByServer } from "./heard-by-server.js";
import type { Hearing, HearingOptions } from "./hearing.js";
import type { Link } from "./link.js";

export interface RenewalOptions extends HearingOptions {
  readonly link: Link;
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
    const cancel = clock.schedule(timeoutMs, () => {
      const cause = new ConclaveError("CONNECTION_LOST", `no answer from ZooKeeper within ${timeoutMs} ms`, {
        outcome: "unknown",
      });
      abort.abort(cause);
      link.replaceConnection(cause);
    });
    try {
      return await this.#hearing.heard(abort.signal);
    } catch (error) {
      throw toConclaveError(abort.signal.aborted ? abort.signal.reason : error, "/");
    } finally {
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
