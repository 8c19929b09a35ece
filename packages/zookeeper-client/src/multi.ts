import { Code, OpCode } from "./codes.js";
import { type CreateOptions, createProblem, createType, dataProblem, writeCreate } from "./create-mode.js";
import { badArgument, badPacket, ZooKeeperError } from "./errors.js";
import type { Outbox } from "./outbox.js";
import { pathProblem } from "./paths.js";
import type { Reader } from "./reader.js";
import { type NodeData, readNodeData, readStat, type Stat } from "./records.js";
import { ANY_VERSION, versionProblem } from "./version.js";

export interface CreateOperation extends CreateOptions {
  readonly type: "create";
  readonly path: string;
  readonly data: Uint8Array;
}

export interface SetOperation {
  readonly type: "set";
  readonly path: string;
  readonly data: Uint8Array;
  /** Default -1: any. */
  readonly version?: number;
}

export interface DeleteOperation {
  readonly type: "delete";
  readonly path: string;
  /** Default -1: any. */
  readonly version?: number;
}

/** Fails unless the node exists, with this version of its data. */
export interface CheckOperation {
  readonly type: "check";
  readonly path: string;
  /** Default -1: any. */
  readonly version?: number;
}

export type MultiOperation = CreateOperation | SetOperation | DeleteOperation | CheckOperation;

export type MultiResult =
  /** `stat` is told by servers from 3.9 on. */
  | { readonly type: "create"; readonly path: string; readonly stat: Stat | undefined }
  | { readonly type: "set"; readonly stat: Stat }
  | { readonly type: "delete" }
  | { readonly type: "check" };

export interface ReadOperation {
  readonly type: "data" | "children";
  readonly path: string;
}

/** Each read succeeds or fails for itself. */
export type ReadResult =
  | ({ readonly type: "data" } & NodeData)
  | { readonly type: "children"; readonly children: readonly string[] }
  | { readonly type: "error"; readonly error: ZooKeeperError };

const types = { set: OpCode.setData, delete: OpCode.delete, check: OpCode.check } as const;
const readTypes = { data: OpCode.getData, children: OpCode.getChildren } as const;

export function multiProblem(operations: readonly MultiOperation[]): TypeError | undefined {
  for (const operation of operations) {
    const problem = operationProblem(operation);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function operationProblem(operation: MultiOperation): TypeError | undefined {
  const { type, path } = operation;
  if (type === "create") return createProblem(path, operation.data, operation);
  if (!Object.hasOwn(types, type)) return badArgument(`${JSON.stringify(type)} is no operation`);
  const problem = pathProblem(path) ?? versionProblem(operation.version ?? ANY_VERSION);
  return problem ?? (type === "set" ? dataProblem(operation.data) : undefined);
}

export function multiReadProblem(operations: readonly ReadOperation[]): TypeError | undefined {
  for (const { type, path } of operations) {
    const known = Object.hasOwn(readTypes, type);
    const problem = known ? pathProblem(path) : badArgument(`${JSON.stringify(type)} is no read`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export function writeMulti(out: Outbox, operations: readonly MultiOperation[]): void {
  for (const operation of operations) writeOperation(out, operation);
  writeHeader(out, -1, true);
}

function writeOperation(out: Outbox, operation: MultiOperation): void {
  const { path } = operation;
  if (operation.type === "create") {
    writeHeader(out, createType(operation), false);
    writeCreate(out, path, operation.data, operation);
    return;
  }
  writeHeader(out, types[operation.type], false);
  out.string(path);
  if (operation.type === "set") out.bytes(operation.data);
  out.int32(operation.version ?? ANY_VERSION);
}

export function writeMultiRead(out: Outbox, operations: readonly ReadOperation[]): void {
  for (const { type, path } of operations) {
    writeHeader(out, readTypes[type], false);
    out.string(path);
    out.bool(false);
  }
  writeHeader(out, -1, true);
}

function writeHeader(out: Outbox, type: number, done: boolean): void {
  out.int32(type);
  out.bool(done);
  out.int32(-1);
}

/** Returns the error that made the whole fail, if one did. */
export function readMulti(
  reader: Reader,
  operations: readonly MultiOperation[],
): readonly MultiResult[] | ZooKeeperError {
  const results: MultiResult[] = [];
  let refused = false;
  let failure: ZooKeeperError | undefined;
  readEach(reader, operations.length, (type, index) => {
    if (type !== OpCode.error) {
      results.push(readResult(reader, type));
      return;
    }
    const code = reader.int32();
    refused = true;
    // The operations before the one that failed are reported as OK, those after it as inconsistent.
    if (code === Code.OK || code === Code.RUNTIMEINCONSISTENCY) return;
    failure ??= new ZooKeeperError(code, operations[index]?.path, index);
  });
  if (refused && failure === undefined) throw badPacket("a transaction that no operation made fail");
  return failure ?? results;
}

function readResult(reader: Reader, type: number): MultiResult {
  switch (type) {
    case OpCode.create:
      return { type: "create", path: reader.string(), stat: undefined };
    case OpCode.create2: {
      const path = reader.string();
      return { type: "create", path, stat: readStat(reader) };
    }
    case OpCode.setData:
      return { type: "set", stat: readStat(reader) };
    case OpCode.delete:
      return { type: "delete" };
    case OpCode.check:
      return { type: "check" };
    default:
      throw badPacket(`a result of type ${type}`);
  }
}

export function readMultiRead(reader: Reader, operations: readonly ReadOperation[]): readonly ReadResult[] {
  const results: ReadResult[] = [];
  readEach(reader, operations.length, (type, index) => {
    if (type === OpCode.getData) results.push({ type: "data", ...readNodeData(reader) });
    else if (type === OpCode.getChildren) results.push({ type: "children", children: reader.strings() });
    else if (type !== OpCode.error) throw badPacket(`a result of type ${type}`);
    else {
      const error = new ZooKeeperError(reader.int32(), operations[index]?.path, index);
      results.push({ type: "error", error });
    }
  });
  return results;
}

function readEach(reader: Reader, count: number, read: (type: number, index: number) => void): void {
  let index = 0;
  for (;;) {
    const type = reader.int32();
    const done = reader.bool();
    reader.int32();
    if (done) break;
    if (index === count) throw badPacket("more results than operations");
    read(type, index++);
  }
  if (index !== count) throw badPacket(`${index} results of ${count} operations`);
}
