import { randomBytes } from "node:crypto";
import { ConclaveError } from "@conclave/api/backend";
import type { Connection, Created, CreateRequest } from "./driver.js";
import { Code, isContactLost, isOutcomeUnknown, toConclaveError, ZooKeeperError } from "./errors.js";
import type { Link } from "./link.js";
import { ancestorsOf, join, parentOf } from "./paths.js";

const TAG_BYTES = 12;
/** Attempts to make ancestors that others delete at the same time: each failure is somebody's progress. */
const MAX_ATTEMPTS = 100;

/** Makes the name of a sequential node recognisable, whatever becomes of the reply. */
export function uniqueTag(): string {
  return randomBytes(TAG_BYTES).toString("hex");
}

export interface Creation extends CreateRequest {
  /** Make the missing ancestors of `path`. */
  readonly parents: boolean;
  /** Part of the name of a sequential node that no other node has. */
  readonly tag: string | undefined;
  /** It does no harm to make the node a second time, where others deleted the first one before anybody here could hear of it. */
  readonly repeatable: boolean;
}

/** Sends the request on a connection; lets callers pipeline others behind it. */
export type SendCreate = (connection: Connection) => Promise<Created>;

/**
 * Creates a node, exactly one (OUT-3). When the reply to an ephemeral or sequential create is lost, the new
 * connection of the same session tells what became of it: the session has moved there, so that the first request
 * can't take effect any more, and the server has caught up with everything before.
 */
export async function create(
  link: Link,
  creation: Creation,
  send: SendCreate,
  beforeRepeat: () => Promise<void> = async () => {},
): Promise<Created> {
  if (!creation.ephemeral && !creation.sequential) {
    return createOnce(link.require(creation.path), creation, send);
  }
  return inCompany(link, [creation.path], (company) =>
    createKnowing(company, link, creation, send, beforeRepeat),
  );
}

/** Whether others of the same session create at the same path at the same time: what they made can't be told apart when replies are lost. */
export interface Company {
  readonly crowded: boolean;
}

/** The creates of one path that are under way in one session. */
interface Crowd {
  size: number;
  crowded: boolean;
}

/** Runs what creates nodes at these paths. */
export async function inCompany<T>(
  link: Link,
  paths: readonly string[],
  run: (company: Company) => Promise<T>,
): Promise<T> {
  const crowds = paths.map((path) => crowdOf(link, path));
  for (const crowd of crowds) {
    crowd.size += 1;
    crowd.crowded ||= crowd.size > 1;
  }
  const company = {
    get crowded() {
      return crowds.some((crowd) => crowd.crowded);
    },
  };
  try {
    return await run(company);
  } finally {
    for (const [index, crowd] of crowds.entries()) {
      crowd.size -= 1;
      if (crowd.size === 0) underWay.get(link)?.delete(paths[index] ?? "");
    }
  }
}

const underWay = new WeakMap<Link, Map<string, Crowd>>();

function crowdOf(link: Link, path: string): Crowd {
  const byPath = underWay.get(link) ?? new Map<string, Crowd>();
  underWay.set(link, byPath);
  const crowd = byPath.get(path) ?? { size: 0, crowded: false };
  byPath.set(path, crowd);
  return crowd;
}

async function createKnowing(
  company: Company,
  link: Link,
  creation: Creation,
  send: SendCreate,
  beforeRepeat: () => Promise<void>,
): Promise<Created> {
  let connection = link.require(creation.path);
  const zxidBefore = link.lastZxid;
  for (;;) {
    try {
      return await createOnce(connection, creation, send);
    } catch (error) {
      if (!isOutcomeUnknown(error)) throw error;
    }
    for (;;) {
      connection = await reconnected(link, creation.path);
      let found: Created | typeof undecided | undefined;
      try {
        found = await find(connection, creation, zxidBefore, company);
        if (found === undefined) await beforeRepeat();
      } catch (error) {
        if (!mayTryAgain(error)) throw unresolved(error, creation.path);
        continue;
      }
      if (found === undefined) break;
      if (found !== undecided) return found;
      throw toConclaveError(new ZooKeeperError(Code.CONNECTIONLOSS, { sent: true }), creation.path);
    }
  }
}

function mayTryAgain(error: unknown): boolean {
  return isContactLost(error) || ConclaveError.is(error, "CONNECTION_LOST");
}

/** What became of the lost request stays unknown when it can't be looked up, but not when the look-up decided it. */
function unresolved(error: unknown, path: string): unknown {
  if (ZooKeeperError.is(error, Code.NODEEXISTS) || ConclaveError.is(error)) return error;
  return toConclaveError(error, path, { outcome: "unknown" });
}

/**
 * Ancestors may go again before they are used: others delete them, and the server itself deletes empty containers, as which
 * Apache Curator makes all of its parents.
 */
async function createOnce(connection: Connection, creation: Creation, send: SendCreate): Promise<Created> {
  for (let attempt = 1; ; attempt++) {
    try {
      if (attempt === 1) return await send(connection);
      // Sent together: they take effect in this order.
      const [ancestors, node] = await Promise.allSettled([
        makeAncestors(connection, creation.path),
        send(connection),
      ]);
      if (node.status === "fulfilled") return node.value;
      throw ancestors.status === "rejected" ? ancestors.reason : node.reason;
    } catch (error) {
      if (!creation.parents || !ZooKeeperError.is(error, Code.NONODE) || attempt === MAX_ATTEMPTS)
        throw error;
    }
  }
}

/** Makes the ancestors of a path, persistent and empty. */
export async function makeAncestors(connection: Connection, path: string): Promise<void> {
  // Sent together: they take effect in this order.
  await Promise.all(ancestorsOf(path).map((ancestor) => makeNode(connection, ancestor)));
}

async function makeNode(connection: Connection, path: string): Promise<void> {
  try {
    await connection.create({ path, data: new Uint8Array(0), ephemeral: false, sequential: false });
  } catch (error) {
    if (ZooKeeperError.is(error, Code.NODEEXISTS)) return;
    // Whoever may not create an ancestor may still use one that exists.
    if (!ZooKeeperError.is(error, Code.NOAUTH)) throw error;
    if ((await connection.exists(path, { watch: false })) === undefined) throw error;
  }
}

export async function reconnected(link: Link, path: string): Promise<Connection> {
  try {
    return await link.connected();
  } catch (error) {
    throw ConclaveError.is(error)
      ? new ConclaveError(error.code, error.message, { outcome: "unknown", path, cause: error })
      : error;
  }
}

const undecided = Symbol("nobody can tell who made the node, or whether it was made and deleted");

/** Looks for the node that the lost request may have made; `undefined` when it may be made now. */
async function find(
  connection: Connection,
  creation: Creation,
  zxidBefore: bigint,
  company: Company,
): Promise<Created | typeof undecided | undefined> {
  const { path, tag } = creation;
  if (tag !== undefined) {
    const parent = parentOf(path);
    const names = await connection.children(parent, { watch: false });
    const name = names?.find((candidate) => candidate.includes(tag));
    return name === undefined
      ? missing(connection, creation, zxidBefore)
      : { path: join(parent, name), stat: undefined };
  }
  const stat = await connection.exists(path, { watch: false });
  if (stat === undefined) return missing(connection, creation, zxidBefore);
  if (stat.czxid <= zxidBefore) throw new ZooKeeperError(Code.NODEEXISTS, { sent: true });
  if (stat.ephemeralOwner === connection.session.id && !company.crowded) return { path, stat };
  // Made during the call by another one: after ours was deleted, or before ours was tried.
  return undecided;
}

/** The node is not there: it never was, if nothing has come or gone beside it since before the request was sent. */
async function missing(
  connection: Connection,
  { path, repeatable }: Creation,
  zxidBefore: bigint,
): Promise<typeof undecided | undefined> {
  if (repeatable) return undefined;
  const parent = await connection.exists(parentOf(path), { watch: false });
  return parent !== undefined && parent.pzxid <= zxidBefore ? undefined : undecided;
}
