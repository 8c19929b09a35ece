import type { CreateResult, Operation, OperationResult, SetResult } from "./backend/operations.js";
import { ConclaveError } from "./errors.js";
import {
  checkOptions,
  checkPath,
  checkSequentialPath,
  checkVersion,
  maxDataBytes,
  toBytes,
} from "./internal/check.js";

/** Data for a node: bytes, or a string that is stored as UTF-8. At most 1,000,000 bytes. */
export type Data = Uint8Array | string;

export interface CallOptions {
  /** Gives the call up: it rejects with `ABORTED`, outcome `"unknown"` if a write may have been sent. */
  readonly signal?: AbortSignal | undefined;
}

export interface CreateOptions extends CallOptions {
  /** The node lives as long as the session that creates it. Default false. */
  readonly ephemeral?: boolean | undefined;
  /** The store completes the name: `/queue/task-` becomes a unique path that begins so. Default false. */
  readonly sequential?: boolean | undefined;
  /** Make missing ancestors, persistent and empty. Default false. */
  readonly parents?: boolean | undefined;
}

export interface VersionOptions extends CallOptions {
  /** Only if the node has this version (compare-and-swap); else `BAD_VERSION`. */
  readonly ifVersion?: number | undefined;
}

/** A created node. */
export interface Created {
  readonly path: string;
  /** Of a sequential node: its place in the order of creations under this parent. */
  readonly sequence: bigint | undefined;
}

/** A node's version and revision after a set. */
export interface Written {
  readonly version: number;
  readonly modRevision: bigint;
}

/** An operation of a transaction. Each path is written at most once in one transaction. */
export type TransactionOperation =
  | {
      readonly type: "create";
      readonly path: string;
      readonly data?: Data;
      readonly ephemeral?: boolean;
      readonly sequential?: boolean;
    }
  | { readonly type: "set"; readonly path: string; readonly data: Data; readonly ifVersion?: number }
  | { readonly type: "delete"; readonly path: string; readonly ifVersion?: number }
  | { readonly type: "check"; readonly path: string; readonly exists?: boolean; readonly ifVersion?: number };

/** The most operations that one transaction may have, and the most data that it may carry is that of one node. */
export const maxOperations = 32;

/** The writing half of the interface: it validates and completes the arguments once, for every backend. */
export abstract class NodeWriter {
  /** Commits valid, complete operations. */
  protected abstract commit(
    operations: readonly Operation[],
    signal: AbortSignal | undefined,
  ): Promise<readonly OperationResult[]>;

  /**
   * Creates a node.
   *
   * Guarantees: the parent exists and is not ephemeral (NODE-2, NODE-3); names of sequential nodes are unique and their
   * sequence grows (NODE-7); a sequential or ephemeral create whose reply was lost is resolved, never doubled (OUT-3).
   * Not guaranteed: for a plain persistent node, whether it was created when the call ends with outcome `"unknown"`.
   * Errors: `NO_NODE` (parent), `NODE_EXISTS`, `EPHEMERAL_PARENT`, `INVALID_PATH`, `DATA_TOO_LARGE`, `CONNECTION_LOST`, `SESSION_LOST`.
   */
  async create(path: string, data: Data = "", options: CreateOptions = {}): Promise<Created> {
    checkOptions("create", options, ["ephemeral", "sequential", "parents", "signal"]);
    const { ephemeral = false, sequential = false, parents = false } = options;
    const operation = createOperation(path, data, ephemeral, sequential, parents);
    const [result] = await this.commit([operation], options.signal);
    const { path: created, sequence } = result as CreateResult;
    return { path: created, sequence };
  }

  /**
   * Replaces a node's data.
   *
   * Guarantees: compare-and-swap with `ifVersion` (NODE-5). Errors: `NO_NODE`, `BAD_VERSION`, `INVALID_PATH`,
   * `DATA_TOO_LARGE`, `CONNECTION_LOST`, `SESSION_LOST`.
   */
  async set(path: string, data: Data, options: VersionOptions = {}): Promise<Written> {
    checkOptions("set", options, ["ifVersion", "signal"]);
    const [result] = await this.commit([setOperation(path, data, options.ifVersion)], options.signal);
    const { version, modRevision } = result as SetResult;
    return { version, modRevision };
  }

  /**
   * Deletes a node that has no children (NODE-4).
   *
   * Errors: `NO_NODE`, `NOT_EMPTY`, `BAD_VERSION`, `INVALID_PATH`, `INVALID_ARGUMENT` (the root), `CONNECTION_LOST`, `SESSION_LOST`.
   */
  async delete(path: string, options: VersionOptions = {}): Promise<void> {
    checkOptions("delete", options, ["ifVersion", "signal"]);
    await this.commit([deleteOperation(path, options.ifVersion)], options.signal);
  }

  /**
   * Applies up to 32 operations in their order, all or nothing (TXN-1, TXN-2).
   *
   * Errors: those of the single operations, with `operation` the index of the one that failed; `UNSUPPORTED` where the
   * backend declares no transactions; `INVALID_ARGUMENT` when a path is written twice.
   */
  async transaction(
    operations: readonly TransactionOperation[],
    options: CallOptions = {},
  ): Promise<readonly (Created | Written | undefined)[]> {
    checkOptions("transaction", options, ["signal"]);
    const results = await this.commit(complete(operations), options.signal);
    return results.map((result) =>
      result.type === "create" || result.type === "set" ? withoutType(result) : undefined,
    );
  }
}

function withoutType(result: CreateResult | SetResult): Created | Written {
  const { type: _, ...rest } = result;
  return rest;
}

function createOperation(
  path: string,
  data: Data,
  ephemeral: boolean,
  sequential: boolean,
  parents: boolean,
): Operation {
  if (sequential) checkSequentialPath(path);
  else checkPath(path);
  return { type: "create", path, data: toBytes(data, path), ephemeral, sequential, parents };
}

function setOperation(path: string, data: Data, ifVersion: number | undefined): Operation {
  checkPath(path);
  checkVersion(ifVersion, path);
  return { type: "set", path, data: toBytes(data, path), ifVersion };
}

function deleteOperation(path: string, ifVersion: number | undefined): Operation {
  checkPath(path);
  checkVersion(ifVersion, path);
  if (path === "/")
    throw new ConclaveError("INVALID_ARGUMENT", 'the root "/" always exists and is not deleted', { path });
  return { type: "delete", path, ifVersion };
}

/** The fields that an operation of a transaction may have, by its type. */
const operationFields: Readonly<Record<TransactionOperation["type"], readonly string[]>> = {
  create: ["type", "path", "data", "ephemeral", "sequential"],
  set: ["type", "path", "data", "ifVersion"],
  delete: ["type", "path", "ifVersion"],
  check: ["type", "path", "exists", "ifVersion"],
};

function completeOne(operation: TransactionOperation): Operation {
  const fields = operationFields[operation?.type];
  // Of a wrong type more is said below.
  if (fields) checkOptions(`transaction: ${operation.type}`, operation, fields);
  switch (operation?.type) {
    case "create": {
      const { path, data = "", ephemeral = false, sequential = false } = operation;
      return createOperation(path, data, ephemeral, sequential, false);
    }
    case "set":
      return setOperation(operation.path, operation.data, operation.ifVersion);
    case "delete":
      return deleteOperation(operation.path, operation.ifVersion);
    case "check": {
      const { path, exists = true, ifVersion } = operation;
      checkPath(path);
      checkVersion(ifVersion, path);
      if (!exists && ifVersion !== undefined) {
        throw new ConclaveError("INVALID_ARGUMENT", "a check for no node at all can have no ifVersion", {
          path,
        });
      }
      return { type: "check", path, exists, ifVersion };
    }
    default:
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `an operation's type is create, set, delete or check, not ${JSON.stringify((operation as { type?: unknown } | undefined)?.type)}`,
      );
  }
}

/** Validates and completes the operations of a transaction. */
export function complete(operations: readonly TransactionOperation[]): Operation[] {
  if (!Array.isArray(operations) || operations.length === 0 || operations.length > maxOperations) {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `a transaction has 1 to ${maxOperations} operations, not ${operations?.length}`,
    );
  }
  const completed = operations.map(completeOne);
  const written = new Set<string>();
  let bytes = 0;
  for (const operation of completed) {
    if (operation.type === "check") continue;
    if (operation.type !== "delete") bytes += operation.data.length;
    if (operation.type === "create" && operation.sequential) continue;
    if (written.has(operation.path)) {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `a transaction writes a path once, and ${JSON.stringify(operation.path)} twice here`,
        {
          path: operation.path,
        },
      );
    }
    written.add(operation.path);
  }
  if (bytes > maxDataBytes) {
    throw new ConclaveError(
      "DATA_TOO_LARGE",
      `${bytes} bytes of data in a transaction, at most ${maxDataBytes} fit`,
    );
  }
  return completed;
}
