import type { Guard, Operation } from "@conclave/api/backend";
import type { ICompare, IRequestOp, ITxnRequest } from "etcd3";
import { type Keys, parentOf } from "./keys.js";
import { DONE, Reads } from "./snapshot.js";

/** The session whose writes these are: refused by etcd once its key is gone (SES-5). */
export interface Owner {
  readonly sessionKey: Buffer;
  readonly lease: string;
}

/** One Txn: applies all operations if the tree allows each, else reads what says which one it refuses, and why. */
export interface Plan {
  readonly request: ITxnRequest;
  readonly reads: Reads;
  /** Per operation, where in the responses of the success branch its own read is. */
  readonly resultAt: readonly (number | undefined)[];
}

export interface PlanOptions {
  readonly guard: Guard | undefined;
  /** Paths to read, beside what the operations need, when the Txn is refused. */
  readonly alsoRead: readonly string[];
  readonly receipt: Buffer | undefined;
  /** Keys of served receipts to delete. */
  readonly clear: readonly Buffer[];
}

/** What earlier operations of the same transaction have made of a node. */
type Known = "persistent" | "ephemeral" | "absent";

/**
 * Turns operations into compares on the state before the transaction. What an earlier operation brings about is not
 * compared: it is certain. What an earlier operation makes impossible gets a compare that can't hold, so that the
 * reads tell which operation fails first.
 */
export function plan(keys: Keys, owner: Owner, operations: readonly Operation[], options: PlanOptions): Plan {
  const { guard, receipt } = options;
  const compare = new Compares(owner.sessionKey);
  const success: IRequestOp[] = [];
  const reads = new Reads(keys, owner.sessionKey, receipt);
  const known = new Map<string, Known>();
  const versions = new Map<string, number | undefined>();
  const resultAt: (number | undefined)[] = [];

  for (const path of options.alsoRead) reads.node(path);
  if (guard !== undefined) {
    const key = keys.node(guard.path);
    compare.add(key, { target: "Create", result: "Equal", create_revision: guard.createRevision.toString() });
    compare.add(key, { target: "Lease", result: "Equal", lease: owner.lease });
    reads.node(guard.path);
  }

  const exists = (path: string): void => {
    reads.node(path);
    const state = known.get(path);
    if (state === "absent") compare.impossible();
    if (state === undefined) compare.exists(keys.node(path));
  };
  const hasVersion = (path: string, version: number | undefined): void => {
    exists(path);
    if (version === undefined) return;
    if (known.get(path) === undefined) {
      const before = versions.has(path) ? version : version + 1;
      compare.add(keys.node(path), { target: "Version", result: "Equal", version: String(before) });
    } else if (version !== 0) compare.impossible();
  };
  const absent = (path: string): void => {
    reads.node(path);
    const state = known.get(path);
    if (state === undefined) compare.absent(keys.node(path));
    else if (state !== "absent") compare.impossible();
  };
  const bearsChildren = (path: string): void => {
    exists(path);
    const state = known.get(path);
    if (state === "ephemeral") compare.impossible();
    if (state === undefined) {
      compare.add(keys.node(path), { target: "Lease", result: "Equal", lease: "0" });
    }
  };
  const childless = (path: string): void => {
    const prefix = path === "/" ? "/" : `${path}/`;
    const changedBelow = [...known].filter(([other]) => other !== path && other.startsWith(prefix));
    const gone = changedBelow.filter(([, state]) => state === "absent").map(([other]) => keys.node(other));
    if (changedBelow.length > gone.length) compare.impossible();
    const { key, range_end } = keys.below(path);
    let from = key;
    for (const next of gone.sort(Buffer.compare)) {
      compare.empty(from, next);
      from = Buffer.concat([next, Buffer.from([0])]);
    }
    compare.empty(from, range_end);
    reads.below(path, gone.length + 1);
  };

  for (const operation of operations) {
    const { path } = operation;
    const key = keys.node(path);
    let at: number | undefined;
    switch (operation.type) {
      case "create":
        if (path !== "/") bearsChildren(parentOf(path));
        absent(path);
        success.push({
          request_put: {
            key,
            value: Buffer.from(operation.data),
            lease: operation.ephemeral ? owner.lease : "0",
          },
        });
        known.set(path, operation.ephemeral ? "ephemeral" : "persistent");
        break;
      case "set":
        hasVersion(path, operation.ifVersion);
        // ignore_lease: an ephemeral node stays its owner's, whoever sets it.
        success.push({ request_put: { key, value: Buffer.from(operation.data), ignore_lease: true } });
        versions.set(path, operation.ifVersion);
        if (operation.ifVersion === undefined) {
          at = success.push({ request_range: { key, keys_only: true } }) - 1;
        }
        break;
      case "delete":
        hasVersion(path, operation.ifVersion);
        childless(path);
        success.push({ request_delete_range: { key } });
        known.set(path, "absent");
        break;
      case "check":
        if (operation.exists) hasVersion(path, operation.ifVersion);
        else absent(path);
        break;
    }
    resultAt.push(at);
  }
  if (receipt !== undefined) {
    compare.absent(receipt);
    success.push({ request_put: { key: receipt, value: DONE, lease: owner.lease } });
  }
  for (const key of options.clear) success.push({ request_delete_range: { key } });
  return { request: { compare: compare.all, success, failure: reads.requests }, reads, resultAt };
}

/** Compares of one Txn, each once: etcd limits their number (`--max-txn-ops`, 128). */
class Compares {
  readonly all: ICompare[] = [];
  readonly #seen = new Set<string>();
  readonly #sessionKey: Buffer;

  constructor(sessionKey: Buffer) {
    this.#sessionKey = sessionKey;
    this.exists(sessionKey);
  }

  exists(key: Buffer): void {
    this.add(key, { target: "Create", result: "Greater", create_revision: "0" });
  }

  absent(key: Buffer): void {
    this.add(key, { target: "Create", result: "Equal", create_revision: "0" });
  }

  /** Over a range, etcd lets a compare hold when it holds for every key: no key has create revision 0. */
  empty(from: Buffer, to: Buffer): void {
    if (Buffer.compare(from, to) >= 0) return;
    this.add(from, { target: "Create", result: "Equal", create_revision: "0", range_end: to });
  }

  impossible(): void {
    this.absent(this.#sessionKey);
  }

  add(key: Buffer, compare: ICompare): void {
    const identity = JSON.stringify([key.toString("latin1"), compare.range_end?.toString("latin1"), compare]);
    if (this.#seen.has(identity)) return;
    this.#seen.add(identity);
    this.all.push({ key, ...compare });
  }
}
