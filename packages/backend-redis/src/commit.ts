import {
  ConclaveError,
  type CreateOperation,
  type ErrorCode,
  type Guard,
  type Operation,
  type OperationResult,
  type SetOperation,
} from "@conclave/api/backend";
import { storeError } from "./errors.js";
import { nameOf } from "./keys.js";
import { sequenceOf, sequentialSuffix } from "./names.js";
import type { Receipts } from "./receipts.js";
import { numberAt, type Reply, textAt } from "./replies.js";
import type { Argument } from "./request.js";
import { commit, create, set } from "./scripts/index.js";
import type { Store } from "./store.js";

const NOTHING = Buffer.alloc(0);

/** Commits operations: one script, which judges all of them before it writes anything. */
export class Commits {
  readonly #store: Store;
  readonly #receipts: Receipts;

  constructor(store: Store, receipts: Receipts) {
    this.#store = store;
    this.#receipts = receipts;
  }

  async commit(
    requested: readonly Operation[],
    guard: Guard | undefined,
  ): Promise<readonly OperationResult[]> {
    const [only] = requested;
    if (only !== undefined && requested.length === 1 && guard === undefined) {
      if (only.type === "set") return [await this.#set(only)];
      if (only.type === "create" && !isResolved(only)) return [await this.#create(only)];
    }
    const operations = requested.map(withUniqueName);
    const guarded = guard === undefined ? ["", ""] : [guard.path, guard.createRevision.toString()];
    const asked = [...guarded, ...operations.flatMap(argumentsOf)];
    const { sessionId } = this.#store;
    if (!operations.some(isResolved)) {
      return results(operations, await this.#store.write(commit, [sessionId, "", 0, "", ...asked]));
    }
    const tag = this.#receipts.next();
    const { reply, lost } = await this.#receipts.clearing((settled) =>
      this.#store.writeUntilAnswered(commit, (again) => [sessionId, tag, again ? 1 : 0, settled, ...asked]),
    );
    if (reply[0] === 0 && !lost) this.#receipts.settle([tag]);
    return results(operations, reply);
  }

  async #set(operation: SetOperation): Promise<OperationResult> {
    const { path, data, ifVersion = "" } = operation;
    const reply = await this.#store.write(set, [this.#store.sessionId, path, bytesOf(data), ifVersion]);
    if (reply[0] !== 0) throw refusal(reply);
    return { type: "set", version: numberAt(reply, 2), modRevision: BigInt(numberAt(reply, 1)) };
  }

  async #create(operation: CreateOperation): Promise<OperationResult> {
    const { path, data } = operation;
    const { sessionId } = this.#store;
    const reply = await this.#store.write(create, [sessionId, path, bytesOf(data), flagsOf(operation)]);
    if (reply[0] !== 0) throw refusal(reply);
    return { type: "create", path, sequence: undefined };
  }
}

/** Throws what a script refused. */
export function refusal(reply: Reply): ConclaveError {
  const code = textAt(reply, 1) as ErrorCode;
  const path = textAt(reply, 2);
  const index = numberAt(reply, 3);
  const known = MESSAGES[code];
  if (known === undefined) return storeError(`redis: an answer that nobody understands: ${code}`);
  const operation = index < 0 ? undefined : index;
  return new ConclaveError(code, `${path} ${known}`, { path, operation });
}

const MESSAGES: Partial<Record<ErrorCode, string>> = {
  NO_NODE: "does not exist",
  NODE_EXISTS: "exists",
  BAD_VERSION: "has another version",
  NOT_EMPTY: "has children",
  EPHEMERAL_PARENT: "is below an ephemeral node, or is one",
  NOT_HELD: "is not held any more",
};

/** Whether a lost reply is resolved (OUT-3). */
function isResolved(operation: Operation): boolean {
  return operation.type === "create" && (operation.sequential || operation.ephemeral);
}

function withUniqueName(operation: Operation, index: number): Operation {
  if (operation.type !== "create" || !operation.sequential) return operation;
  return { ...operation, path: operation.path + sequentialSuffix(index) };
}

function argumentsOf(operation: Operation): Argument[] {
  const { path } = operation;
  switch (operation.type) {
    case "create":
      return ["create", path, bytesOf(operation.data), "", flagsOf(operation)];
    case "set":
      return ["set", path, bytesOf(operation.data), operation.ifVersion ?? "", ""];
    case "delete":
      return ["delete", path, "", operation.ifVersion ?? "", ""];
    case "check":
      return [operation.exists ? "check" : "absent", path, "", operation.ifVersion ?? "", ""];
  }
}

function flagsOf({ ephemeral, parents }: CreateOperation): string {
  return `${ephemeral ? "e" : ""}${parents ? "p" : ""}`;
}

/** The same bytes, not a copy: they belong to the backend. */
export function bytesOf(data: Uint8Array): Buffer {
  if (data.length === 0) return NOTHING;
  return data instanceof Buffer ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function results(operations: readonly Operation[], reply: Reply): OperationResult[] {
  if (reply[0] !== 0) throw refusal(reply);
  const revision = BigInt(numberAt(reply, 1));
  return operations.map((operation, index) => result(operation, revision, numberAt(reply, index + 2)));
}

function result(operation: Operation, revision: bigint, version: number): OperationResult {
  switch (operation.type) {
    case "create": {
      const sequence = operation.sequential ? sequenceOf(nameOf(operation.path), revision) : undefined;
      return { type: "create", path: operation.path, sequence };
    }
    case "set":
      return { type: "set", version, modRevision: revision };
    case "delete":
      return { type: "delete" };
    case "check":
      return { type: "check" };
  }
}
