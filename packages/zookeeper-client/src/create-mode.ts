import { OpCode } from "./codes.js";
import { badArgument } from "./errors.js";
import type { Outbox } from "./outbox.js";
import { pathProblem, sequentialPathProblem } from "./paths.js";
import { type AclEntry, aclProblem, OPEN_ACL, writeAcl } from "./records.js";

export interface CreateOptions {
  /** Deleted by the server when this session ends. */
  readonly ephemeral?: boolean;
  /** The server appends a growing number of ten digits to the name. */
  readonly sequential?: boolean;
  /** Deleted by the server some time after its last child was. */
  readonly container?: boolean;
  /** Deleted by the server when it has no children and was not changed for so long. The server must allow it. */
  readonly ttlMs?: number;
  /** Default `OPEN_ACL`. */
  readonly acl?: readonly AclEntry[];
}

/** What the flags of a request to create say (`CreateMode`). */
const Flag = { ephemeral: 1, sequential: 2, container: 4, ttl: 5, sequentialTtl: 6 } as const;
/** Larger values collide with the server's marks for special nodes (`EphemeralType.TTL`). */
const LONGEST_TTL_MS = 0xff_ffff_ffff;

export function createProblem(path: unknown, data: unknown, options: CreateOptions): TypeError | undefined {
  const { ephemeral = false, sequential = false, container = false, ttlMs } = options;
  if (container && (ephemeral || sequential || ttlMs !== undefined)) {
    return badArgument("a container is neither ephemeral nor sequential, and has no ttlMs");
  }
  if (ttlMs !== undefined && ephemeral) return badArgument("an ephemeral node has no ttlMs");
  if (ttlMs !== undefined && !(Number.isInteger(ttlMs) && ttlMs > 0 && ttlMs <= LONGEST_TTL_MS)) {
    return badArgument(`ttlMs must be an integer from 1 to ${LONGEST_TTL_MS}, not ${ttlMs}`);
  }
  const problem = (sequential ? sequentialPathProblem(path) : pathProblem(path)) ?? dataProblem(data);
  return problem ?? (options.acl === undefined ? undefined : aclProblem(options.acl));
}

export function dataProblem(data: unknown): TypeError | undefined {
  return data instanceof Uint8Array ? undefined : badArgument("data must be a Uint8Array");
}

/** The type of the request that creates such a node. */
export function createType({ container, ttlMs }: CreateOptions): number {
  if (container === true) return OpCode.createContainer;
  return ttlMs === undefined ? OpCode.create2 : OpCode.createTtl;
}

export function writeCreate(out: Outbox, path: string, data: Uint8Array, options: CreateOptions): void {
  out.string(path);
  out.bytes(data);
  writeAcl(out, options.acl ?? OPEN_ACL);
  out.int32(flagsOf(options));
  if (options.ttlMs !== undefined) out.int64(BigInt(options.ttlMs));
}

function flagsOf({ ephemeral, sequential, container, ttlMs }: CreateOptions): number {
  if (container === true) return Flag.container;
  if (ttlMs !== undefined) return sequential === true ? Flag.sequentialTtl : Flag.ttl;
  return (ephemeral === true ? Flag.ephemeral : 0) | (sequential === true ? Flag.sequential : 0);
}
