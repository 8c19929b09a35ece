import { badArgument } from "./errors.js";
import type { Outbox } from "./outbox.js";
import type { Reader } from "./reader.js";

/** What ZooKeeper tells of a node. */
export interface Stat {
  /** The transaction that created the node. */
  readonly czxid: bigint;
  /** The transaction that changed its data last. */
  readonly mzxid: bigint;
  /** The transaction that changed its list of children last. */
  readonly pzxid: bigint;
  /** When it was created, by the server's clock, in milliseconds since 1970. */
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  /** Of the data, growing by one with each change. */
  readonly version: number;
  /** Of the list of children. */
  readonly cversion: number;
  /** Of the access control list. */
  readonly aversion: number;
  /** The session whose end deletes the node, unsigned; 0 for a node that is not ephemeral. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
}

export interface NodeData {
  /** Empty for a node that has null for its data, too. */
  readonly data: Buffer;
  readonly stat: Stat;
}

export interface NodeChildren {
  /** Names, in no order. */
  readonly children: readonly string[];
  readonly stat: Stat;
}

export interface Created {
  /** With the number that the server appended, if it was sequential. */
  readonly path: string;
  readonly stat: Stat;
}

/** What a client has authenticated itself as. */
export interface Identity {
  readonly scheme: string;
  readonly id: string;
}

/** Permissions, to be combined with `|`. */
export const Permission = { READ: 1, WRITE: 2, CREATE: 4, DELETE: 8, ADMIN: 16, ALL: 31 } as const;

export interface AclEntry {
  readonly permissions: number;
  /** For example `"world"`, `"digest"`, `"ip"`, `"x509"`, `"auth"`. */
  readonly scheme: string;
  /** For example `"anyone"`. */
  readonly id: string;
}

export interface NodeAcl {
  readonly acl: readonly AclEntry[];
  readonly stat: Stat;
}

/** Everybody may do everything. What `create` uses when told nothing else. */
export const OPEN_ACL: readonly AclEntry[] = [{ permissions: Permission.ALL, scheme: "world", id: "anyone" }];
/** Everybody may read. */
export const READ_ACL: readonly AclEntry[] = [
  { permissions: Permission.READ, scheme: "world", id: "anyone" },
];
/** Whoever creates the node, as authenticated, may do everything; others nothing. */
export const CREATOR_ACL: readonly AclEntry[] = [{ permissions: Permission.ALL, scheme: "auth", id: "" }];

const ACL_LEAST_BYTES = 12;
const IDENTITY_LEAST_BYTES = 8;

export function readStat(reader: Reader): Stat {
  const czxid = reader.int64();
  const mzxid = reader.int64();
  const ctimeMs = reader.time();
  const mtimeMs = reader.time();
  const version = reader.int32();
  const cversion = reader.int32();
  const aversion = reader.int32();
  const ephemeralOwner = reader.uint64();
  const dataLength = reader.int32();
  const numChildren = reader.int32();
  const pzxid = reader.int64();
  return {
    czxid,
    mzxid,
    pzxid,
    ctimeMs,
    mtimeMs,
    version,
    cversion,
    aversion,
    ephemeralOwner,
    dataLength,
    numChildren,
  };
}

export function readNodeData(reader: Reader): NodeData {
  const data = reader.bytes();
  return { data, stat: readStat(reader) };
}

export function readChildren(reader: Reader): NodeChildren {
  const children = reader.strings();
  return { children, stat: readStat(reader) };
}

export function readCreated(reader: Reader): Created {
  const path = reader.string();
  return { path, stat: readStat(reader) };
}

export function readAcl(reader: Reader): NodeAcl {
  const count = reader.count(ACL_LEAST_BYTES);
  const acl: AclEntry[] = [];
  for (let i = 0; i < count; i++) {
    const permissions = reader.int32();
    const scheme = reader.string();
    acl.push({ permissions, scheme, id: reader.string() });
  }
  return { acl, stat: readStat(reader) };
}

export function readIdentities(reader: Reader): readonly Identity[] {
  const count = reader.count(IDENTITY_LEAST_BYTES);
  const identities: Identity[] = [];
  for (let i = 0; i < count; i++) {
    const scheme = reader.string();
    identities.push({ scheme, id: reader.string() });
  }
  return identities;
}

export function readNothing(): void {}

export function aclProblem(acl: unknown): TypeError | undefined {
  const sound = Array.isArray(acl) && acl.every(isAclEntry);
  return sound ? undefined : badArgument("an access control list must hold { permissions, scheme, id }");
}

function isAclEntry(entry: unknown): boolean {
  if (typeof entry !== "object" || entry === null) return false;
  const { permissions, scheme, id } = entry as Partial<AclEntry>;
  return Number.isInteger(permissions) && typeof scheme === "string" && typeof id === "string";
}

export function writeAcl(out: Outbox, acl: readonly AclEntry[]): void {
  out.int32(acl.length);
  for (const { permissions, scheme, id } of acl) {
    out.int32(permissions);
    out.string(scheme);
    out.string(id);
  }
}
