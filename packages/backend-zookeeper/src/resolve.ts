import type { OperationResult } from "@conclave/api/backend";
import type { Connection, Stat } from "./driver.js";
import { join, parentOf } from "./paths.js";
import type { Located, Transaction } from "./transaction.js";

/** A node that the transaction whose reply was lost may have made. */
interface Found {
  readonly path: string;
  readonly stat: Stat;
}

/** In which a transaction was sent. */
export interface Circumstances {
  /** The latest transaction that was seen before. */
  readonly zxidBefore: bigint;
  /** Others of the same session created at the same paths at the same time. */
  readonly crowded: boolean;
}

/** Whether what a transaction makes tells, afterwards, that this transaction made it. */
export function isResolvable({ located }: Transaction): boolean {
  return located.some(
    ({ operation }) => operation.type === "create" && (operation.sequential || operation.ephemeral),
  );
}

/**
 * Finds out what became of a transaction whose reply was lost, by what it made: one sequential node with its tag, or an ephemeral one
 * of this session that was not there before, and all the rest by the same transaction id. `undefined` when the store does not tell: it
 * was not applied, or what it made has been changed or deleted since.
 */
export async function resolveTransaction(
  connection: Connection,
  transaction: Transaction,
  { zxidBefore, crowded }: Circumstances,
): Promise<readonly OperationResult[] | undefined> {
  const nodes = await Promise.all(transaction.located.map((one) => lookFor(connection, one)));
  const zxid = transaction.located
    .map((one, index) => revisionOf(connection, one, nodes[index], crowded ? undefined : zxidBefore))
    .find((revision) => revision !== undefined);
  if (zxid === undefined) return undefined;
  const results: OperationResult[] = [];
  for (const [index, { operation }] of transaction.located.entries()) {
    const found = nodes[index];
    if (operation.type === "create") {
      if (found?.stat.czxid !== zxid) return undefined;
      results.push(transaction.created(operation, found.path));
    } else if (operation.type === "set") {
      const version = found?.stat.mzxid === zxid ? found.stat.version : undefined;
      if (version === undefined && operation.ifVersion === undefined) return undefined;
      results.push({ type: "set", version: version ?? (operation.ifVersion ?? 0) + 1, modRevision: zxid });
    } else {
      results.push({ type: operation.type });
    }
  }
  return results;
}

async function lookFor(
  connection: Connection,
  { operation, path, tag }: Located,
): Promise<Found | undefined> {
  if (operation.type !== "create" && operation.type !== "set") return undefined;
  let at = path;
  if (tag !== undefined) {
    const parent = parentOf(path);
    const names = await connection.children(parent, { watch: false });
    const name = names?.find((candidate) => candidate.includes(tag));
    if (name === undefined) return undefined;
    at = join(parent, name);
  }
  const stat = await connection.exists(at, { watch: false });
  return stat && { path: at, stat };
}

function revisionOf(
  connection: Connection,
  { operation, tag }: Located,
  found: Found | undefined,
  zxidBefore: bigint | undefined,
): bigint | undefined {
  if (operation.type !== "create" || found === undefined) return undefined;
  if (tag !== undefined) return found.stat.czxid;
  const isOurs = operation.ephemeral && found.stat.ephemeralOwner === connection.session.id;
  return isOurs && zxidBefore !== undefined && found.stat.czxid > zxidBefore ? found.stat.czxid : undefined;
}
