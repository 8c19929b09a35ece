import {
  ConclaveError,
  type Guard,
  type Operation,
  type OperationResult,
  unknownOutcome,
} from "@conclave/api/backend";
import type { IRequestOp, ITxnResponse } from "etcd3";
import { emptyNode, isCreate, judge, MAX_ATTEMPTS } from "./ancestors.js";
import { storeError } from "./errors.js";
import { nearAncestorsOf } from "./keys.js";
import { sequenceOf, sequentialSuffix } from "./names.js";
import { type Plan, plan } from "./plan.js";
import { Receipts } from "./receipts.js";
import type { Snapshot } from "./snapshot.js";
import type { Store } from "./store.js";

/** Commits operations: one Txn, a second one when ancestors are missing that may be made. */
export class Commits {
  readonly #store: Store;
  readonly #receipts: Receipts;

  constructor(store: Store) {
    this.#store = store;
    this.#receipts = new Receipts(store.keys, store.sessionId);
  }

  async commit(
    requested: readonly Operation[],
    guard: Guard | undefined,
  ): Promise<readonly OperationResult[]> {
    for (const operation of requested) {
      if (isCreate(operation) && operation.parents) await this.makeUpper(operation.path, guard);
    }
    const operations = requested.map(withUniqueName);
    let missing: readonly string[] = [];
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const answer = await this.#attempt(operations, guard, missing);
      if (answer.results !== undefined) return answer.results;
      const { refusal, makeable } = judge(answer.snapshot, this.#store.owner, operations, guard);
      if (refusal !== undefined) throw refusal;
      if (makeable.length === 0 && missing.length === 0 && !answer.snapshot.forestalled) {
        throw storeError("etcd refused a transaction that nothing speaks against");
      }
      missing = makeable;
    }
    throw storeError("Ancestors of the node are deleted again and again by others");
  }

  /** Makes what a Txn for `path` could not make along with it: etcd limits the operations of one. */
  async makeUpper(path: string, guard: Guard | undefined): Promise<void> {
    const [upper] = nearAncestorsOf(path);
    if (upper === undefined || upper === "/") return;
    try {
      await this.commit([{ ...emptyNode(upper), parents: true }], guard);
    } catch (error) {
      if (!ConclaveError.is(error, "NODE_EXISTS")) throw error;
    }
  }

  async #attempt(
    operations: readonly Operation[],
    guard: Guard | undefined,
    missing: readonly string[],
  ): Promise<{ results: OperationResult[] } | { results: undefined; snapshot: Snapshot }> {
    const { keys, owner } = this.#store;
    const alsoRead = operations.flatMap((operation) =>
      isCreate(operation) && operation.parents ? nearAncestorsOf(operation.path) : [],
    );
    const receipt = isResolved(operations) ? this.#receipts.next() : undefined;
    const clear = receipt === undefined ? [] : this.#receipts.takeSettled();
    const all = [...missing.map(emptyNode), ...operations];
    const txn = plan(keys, owner, all, { guard, alsoRead, receipt, clear });
    const { reply: response, lost } = await this.#send(txn, receipt).catch((error: unknown) => {
      this.#receipts.settle(clear);
      throw error;
    });
    if (response.succeeded) {
      if (receipt !== undefined && !lost) this.#receipts.settle([receipt]);
      return { results: results(operations, response, txn.resultAt.slice(missing.length)) };
    }
    this.#receipts.settle(clear);
    const snapshot = txn.reads.snapshot(response);
    const revision = snapshot.receiptRevision;
    if (revision === undefined) return { results: undefined, snapshot };
    return { results: await this.#resultsAt(operations, revision) };
  }

  /** The results of a commit whose reply was lost: the version after an unconditional set is read where it was made. */
  async #resultsAt(operations: readonly Operation[], revision: bigint): Promise<OperationResult[]> {
    const { keys } = this.#store;
    try {
      return await Promise.all(
        operations.map(async (operation) => {
          if (operation.type !== "set" || operation.ifVersion !== undefined)
            return result(operation, revision);
          const at = { key: keys.node(operation.path), revision: revision.toString(), keys_only: true };
          const { kvs } = await this.#store.range(at);
          return result(operation, revision, Number(kvs[0]?.version) - 1);
        }),
      );
    } catch (error) {
      throw unknownOutcome(error);
    }
  }

  async #send(txn: Plan, receipt: Buffer | undefined): ReturnType<Store["txnUntilAnswered"]> {
    const { request } = txn;
    if (receipt === undefined) return { reply: await this.#store.txn(request), lost: false };
    // Only where there is no receipt: one that is there says "done", and must go on saying so.
    const forestall: IRequestOp = {
      request_txn: {
        compare: [{ key: receipt, target: "Create", result: "Equal", create_revision: "0" }],
        success: [{ request_put: { key: receipt, value: Buffer.alloc(0), lease: this.#store.owner.lease } }],
        failure: [],
      },
    };
    return this.#store.txnUntilAnswered(request, {
      ...request,
      failure: [...(request.failure ?? []), forestall],
    });
  }
}

/** Whether a lost reply is resolved (OUT-3). */
function isResolved(operations: readonly Operation[]): boolean {
  return operations.some((operation) => isCreate(operation) && (operation.sequential || operation.ephemeral));
}

function withUniqueName(operation: Operation, index: number): Operation {
  if (!isCreate(operation) || !operation.sequential) return operation;
  return { ...operation, path: operation.path + sequentialSuffix(index) };
}

function results(
  operations: readonly Operation[],
  response: ITxnResponse,
  resultAt: readonly (number | undefined)[],
): OperationResult[] {
  const revision = BigInt(response.header.revision);
  return operations.map((operation, index) => {
    const at = resultAt[index];
    const read = at === undefined ? undefined : response.responses[at]?.response_range.kvs[0];
    return result(operation, revision, read === undefined ? undefined : Number(read.version) - 1);
  });
}

function result(operation: Operation, revision: bigint, version?: number): OperationResult {
  switch (operation.type) {
    case "create": {
      const name = operation.path.slice(operation.path.lastIndexOf("/") + 1);
      const sequence = operation.sequential ? sequenceOf(name, revision) : undefined;
      return { type: "create", path: operation.path, sequence };
    }
    case "set":
      return {
        type: "set",
        version: version ?? (operation.ifVersion ?? 0) + 1,
        modRevision: revision,
      };
    case "delete":
      return { type: "delete" };
    case "check":
      return { type: "check" };
  }
}
