import { type Link, readUntilAnswered, writeUntilAnswered } from "@conclave/api/backend";
import type { IRangeRequest, IRangeResponse, ITxnRequest, ITxnResponse } from "etcd3";
import type { Connection } from "./connection.js";
import type { Keys } from "./keys.js";
import type { Owner } from "./plan.js";

/** The store as one session sees it: where its keys are, who it is, and requests that are sent once. */
export class Store {
  readonly keys: Keys;
  readonly owner: Owner;
  readonly sessionId: string;
  readonly #link: Link<Connection>;

  constructor(keys: Keys, owner: Owner, sessionId: string, link: Link<Connection>) {
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
  answered<T>(read: () => Promise<T>): Promise<T> {
    return readUntilAnswered(this.#link, read);
  }

  /**
   * Sends a Txn, and when its reply is lost `again`, until a reply comes. Their compares must let only one of them
   * take effect, once. `lost` tells that the reply is to a repetition: an earlier sending may have taken effect.
   */
  txnUntilAnswered(
    request: ITxnRequest,
    again: ITxnRequest,
  ): Promise<{ readonly reply: ITxnResponse; readonly lost: boolean }> {
    return writeUntilAnswered(this.#link, (repeated) => this.txn(repeated ? again : request));
  }
}
