import { ConclaveError } from "@conclave/api/backend";
import type { IRangeRequest, IRangeResponse, ITxnRequest, ITxnResponse } from "etcd3";
import type { Keys } from "./keys.js";
import type { Link } from "./link.js";
import type { Owner } from "./plan.js";

/** The store as one session sees it: where its keys are, who it is, and requests that are sent once. */
export class Store {
  readonly keys: Keys;
  readonly owner: Owner;
  readonly sessionId: string;
  readonly #link: Link;

  constructor(keys: Keys, owner: Owner, sessionId: string, link: Link) {
    this.keys = keys;
    this.owner = owner;
    this.sessionId = sessionId;
    this.#link = link;
  }

  async txn(request: ITxnRequest): Promise<ITxnResponse> {
    return this.#link.connection.kv.txn(request);
  }

  async range(request: IRangeRequest): Promise<IRangeResponse> {
    return this.#link.connection.kv.range(request);
  }

  /** Repeats a read until it is answered. Rejects when the session is over, or with what the store refuses. */
  async answered<T>(read: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await read();
      } catch (error) {
        if (!ConclaveError.is(error, "CONNECTION_LOST")) throw error;
      }
      await this.#link.whenUp();
    }
  }

  /**
   * Sends a Txn, and when its reply is lost `again`, until a reply comes. Their compares must let only one of them
   * take effect, once. `lost` tells that the reply is to a repetition: an earlier sending may have taken effect.
   */
  async txnUntilAnswered(
    request: ITxnRequest,
    again: ITxnRequest,
  ): Promise<{ response: ITxnResponse; lost: boolean }> {
    for (let lost = false; ; lost = true) {
      try {
        return { response: await this.txn(lost ? again : request), lost };
      } catch (error) {
        const mayHaveHappened = lost || (ConclaveError.is(error) && error.outcome === "unknown");
        if (!mayHaveHappened) throw error;
        if (!ConclaveError.is(error, "CONNECTION_LOST")) throw unknown(error);
      }
      await this.#link.whenUp().catch((error: unknown) => {
        throw unknown(error);
      });
    }
  }
}

/** For a call whose first request may have taken effect, whatever became of the second. */
export function unknown(cause: unknown): ConclaveError {
  const code = ConclaveError.is(cause, "SESSION_LOST") ? "SESSION_LOST" : "CONNECTION_LOST";
  const message = "Contact with etcd broke, and what became of the call can't be told";
  return new ConclaveError(code, message, { outcome: "unknown", cause });
}
