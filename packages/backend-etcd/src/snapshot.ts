import type { IRequestOp, ITxnResponse } from "etcd3";
import type { Keys } from "./keys.js";

/** What a receipt holds, if its Txn took effect. */
export const DONE = Buffer.from("done");

/** What a decision needs to know of a node. */
export interface NodeFacts {
  readonly version: number;
  readonly createRevision: bigint;
  /** The lease, in decimal as etcd writes it; "0" for a persistent node. */
  readonly lease: string;
}

/** The tree, as far as it was read, at one revision. */
export interface Snapshot {
  readonly sessionAlive: boolean;
  readonly revision: bigint;
  /** When the Txn whose receipt was read took effect; `undefined` if it has not. */
  readonly receiptRevision: bigint | undefined;
  /** Whether that Txn is kept from ever taking effect: a refused repetition has left its mark in place of the receipt. */
  readonly forestalled: boolean;
  node(path: string): NodeFacts | undefined;
  /** Paths below a node, as many as were asked for. */
  below(path: string): readonly string[];
}

/** The reads of one Txn branch: collected first, looked up by path in its responses afterwards. */
export class Reads {
  readonly requests: IRequestOp[] = [];
  readonly #keys: Keys;
  readonly #nodes = new Map<string, number>();
  readonly #below = new Map<string, number>();

  readonly #receipt: number | undefined;

  constructor(keys: Keys, sessionKey: Buffer, receipt?: Buffer) {
    this.#keys = keys;
    this.requests.push({ request_range: { key: sessionKey, keys_only: true } });
    if (receipt === undefined) return;
    this.#receipt = this.requests.length;
    this.requests.push({ request_range: { key: receipt } });
  }

  node(path: string): void {
    if (this.#nodes.has(path)) return;
    this.#nodes.set(path, this.requests.length);
    this.requests.push({ request_range: { key: this.#keys.node(path), keys_only: true } });
  }

  below(path: string, limit: number): void {
    if (this.#below.has(path)) return;
    this.#below.set(path, this.requests.length);
    this.requests.push({ request_range: { ...this.#keys.below(path), keys_only: true, limit } });
  }

  snapshot(response: ITxnResponse): Snapshot {
    const kvs = (index: number | undefined) =>
      index === undefined ? [] : (response.responses[index]?.response_range.kvs ?? []);
    const receipt = kvs(this.#receipt)[0];
    const done = receipt?.value.equals(DONE) === true;
    return {
      receiptRevision: done ? BigInt(receipt.create_revision) : undefined,
      forestalled: receipt !== undefined && !done,
      sessionAlive: kvs(0).length > 0,
      revision: BigInt(response.header.revision),
      node: (path) => {
        const kv = kvs(this.#nodes.get(path))[0];
        if (kv === undefined) return undefined;
        return {
          version: Number(kv.version) - 1,
          createRevision: BigInt(kv.create_revision),
          lease: kv.lease,
        };
      },
      below: (path) => kvs(this.#below.get(path)).map((kv) => this.#keys.path(kv.key)),
    };
  }
}
