import type { Channel } from "./channel.js";
import { OpCode } from "./codes.js";
import { type CreateOptions, createProblem, createType, dataProblem, writeCreate } from "./create-mode.js";
import { badArgument, ConnectionError, ZooKeeperError } from "./errors.js";
import {
  type MultiOperation,
  type MultiResult,
  multiProblem,
  multiReadProblem,
  type ReadOperation,
  type ReadResult,
  readMulti,
  readMultiRead,
  writeMulti,
  writeMultiRead,
} from "./multi.js";
import type { Operations } from "./operations.js";
import type { Outbox } from "./outbox.js";
import { pathProblem } from "./paths.js";
import type { Reader } from "./reader.js";
import {
  type AclEntry,
  aclProblem,
  type Created,
  type Identity,
  type NodeAcl,
  type NodeChildren,
  type NodeData,
  readAcl,
  readChildren,
  readCreated,
  readIdentities,
  readNodeData,
  readNothing,
  readStat,
  type Stat,
  writeAcl,
} from "./records.js";
import type { Session } from "./session.js";
import { batchesOf, type StandingWatches, setWatchesType, writeSetWatches } from "./set-watches.js";
import { ANY_VERSION, versionProblem } from "./version.js";

const nothing: ReadOptions = {};

export interface ReadOptions {
  /** Have the server report the next change, once, to the observer's `event`. Default false. */
  readonly watch?: boolean;
  /**
   * Called with the reply's code (0 for success) as soon as it is read, before any event that came after it is
   * reported: the moment from which a watch stands. Not called when the connection ends first.
   */
  readonly replied?: (code: number) => void;
}

/** Of `addWatch`: for the node, or for it and everything below. */
export type WatchMode = "persistent" | "persistent-recursive";
/** What `removeWatches` and `checkWatches` are about. */
export type WatcherKind = "children" | "data" | "any";

const modes: Readonly<Record<WatchMode, number>> = { persistent: 0, "persistent-recursive": 1 };
const watcherKinds: Readonly<Record<WatcherKind, number>> = { children: 1, data: 2, any: 3 };

/**
 * One connection to one server, within one session; made by `openConnection`. It does not reconnect: once it is over
 * (the observer's `closed`), every request rejects, and the session may be taken up on another connection.
 */
export class Connection implements Operations {
  readonly session: Session;
  /** Whether the server serves reads only. */
  readonly readOnly: boolean;
  readonly #channel: Channel;

  /** @internal */
  constructor(channel: Channel, session: Session, readOnly: boolean) {
    this.#channel = channel;
    this.session = session;
    this.readOnly = readOnly;
  }

  /** The latest transaction that any reply so far has reflected; 0 before the first reply. */
  get lastZxid(): bigint {
    return this.#channel.lastZxid;
  }

  /**
   * When what the server has answered last was sent, by `performance.now()`: the session's timeout counts from then
   * or later. Replies of the handshake, of requests and of pings count; those of authentication don't, as at the server.
   */
  get lastAckSentAtMs(): number {
    return this.#channel.lastAckSentAtMs;
  }

  /** Requests that wait for their reply. */
  get pendingRequests(): number {
    return this.#channel.pendingRequests;
  }

  /** Whether the connection is over. */
  get over(): boolean {
    return this.#channel.over;
  }

  create(path: string, data: Uint8Array, options: CreateOptions = {}): Promise<Created> {
    const problem = createProblem(path, data, options);
    const out = this.#begin(createType(options), path, problem);
    if (out instanceof Error) return Promise.reject(out);
    writeCreate(out, path, data, options);
    return this.#channel.end(path, readCreated);
  }

  delete(path: string, version = ANY_VERSION): Promise<void> {
    const out = this.#begin(OpCode.delete, path, pathProblem(path) ?? versionProblem(version));
    if (out instanceof Error) return Promise.reject(out);
    out.string(path);
    out.int32(version);
    return this.#channel.end(path, readNothing);
  }

  /** Resolves with `undefined` when there is no node. With `watch`, its creation is reported then. */
  exists(path: string, options: ReadOptions = nothing): Promise<Stat | undefined> {
    const out = this.#begin(OpCode.exists, path, pathProblem(path));
    if (out instanceof Error) return Promise.reject(out);
    out.string(path);
    out.bool(options.watch ?? false);
    return this.#channel.endOptional(path, readStat, options.replied);
  }

  /** With `NONODE`. `watch` sets a watch only if there is a node. */
  getData(path: string, options: ReadOptions = nothing): Promise<NodeData> {
    return this.#read(OpCode.getData, path, options, readNodeData);
  }

  /** With `NONODE`. `watch` sets a watch only if there is a node. */
  getChildren(path: string, options: ReadOptions = nothing): Promise<NodeChildren> {
    return this.#read(OpCode.getChildren2, path, options, readChildren);
  }

  setData(path: string, data: Uint8Array, version = ANY_VERSION): Promise<Stat> {
    const problem = pathProblem(path) ?? dataProblem(data) ?? versionProblem(version);
    const out = this.#begin(OpCode.setData, path, problem);
    if (out instanceof Error) return Promise.reject(out);
    out.string(path);
    out.bytes(data);
    out.int32(version);
    return this.#channel.end(path, readStat);
  }

  getAcl(path: string): Promise<NodeAcl> {
    const out = this.#begin(OpCode.getAcl, path, pathProblem(path));
    if (out instanceof Error) return Promise.reject(out);
    out.string(path);
    return this.#channel.end(path, readAcl);
  }

  setAcl(path: string, acl: readonly AclEntry[], aversion = ANY_VERSION): Promise<Stat> {
    const problem = pathProblem(path) ?? aclProblem(acl) ?? versionProblem(aversion);
    const out = this.#begin(OpCode.setAcl, path, problem);
    if (out instanceof Error) return Promise.reject(out);
    out.string(path);
    writeAcl(out, acl);
    out.int32(aversion);
    return this.#channel.end(path, readStat);
  }

  sync(path: string): Promise<void> {
    const out = this.#begin(OpCode.sync, path, pathProblem(path));
    if (out instanceof Error) return Promise.reject(out);
    out.string(path);
    return this.#channel.end(path, readNothing);
  }

  async multi(operations: readonly MultiOperation[]): Promise<readonly MultiResult[]> {
    const out = this.#begin(OpCode.multi, undefined, multiProblem(operations));
    if (out instanceof Error) throw out;
    writeMulti(out, operations);
    const results = await this.#channel.end(undefined, (reader) => readMulti(reader, operations));
    if (results instanceof ZooKeeperError) throw results;
    return results;
  }

  async multiRead(operations: readonly ReadOperation[]): Promise<readonly ReadResult[]> {
    const out = this.#begin(OpCode.multiRead, undefined, multiReadProblem(operations));
    if (out instanceof Error) throw out;
    writeMultiRead(out, operations);
    return this.#channel.end(undefined, (reader) => readMultiRead(reader, operations));
  }

  getEphemerals(prefix = "/"): Promise<readonly string[]> {
    const out = this.#begin(OpCode.getEphemerals, prefix, pathProblem(prefix));
    if (out instanceof Error) return Promise.reject(out);
    out.string(prefix);
    return this.#channel.end(prefix, (reader) => reader.strings());
  }

  countDescendants(path: string): Promise<number> {
    const out = this.#begin(OpCode.getAllChildrenNumber, path, pathProblem(path));
    if (out instanceof Error) return Promise.reject(out);
    out.string(path);
    return this.#channel.end(path, (reader) => reader.int32());
  }

  whoAmI(): Promise<readonly Identity[]> {
    const out = this.#begin(OpCode.whoAmI, undefined, undefined);
    if (out instanceof Error) return Promise.reject(out);
    return this.#channel.end(undefined, readIdentities);
  }

  addAuth(scheme: string, auth: string | Uint8Array): Promise<void> {
    return this.#channel.authenticate(scheme, typeof auth === "string" ? Buffer.from(auth) : auth);
  }

  /** Has all changes reported until `removeWatches`, on this connection. ZooKeeper 3.6 and later. */
  addWatch(path: string, mode: WatchMode, replied?: (code: number) => void): Promise<void> {
    const out = this.#begin(OpCode.addWatch, path, pathProblem(path) ?? oneOfProblem(modes, mode));
    if (out instanceof Error) return Promise.reject(out);
    out.string(path);
    out.int32(modes[mode]);
    return this.#channel.end(path, readNothing, replied);
  }

  /** Removes the watches of this connection, `"any"` including persistent ones. With `NOWATCHER`. */
  removeWatches(path: string, kind: WatcherKind): Promise<void> {
    return this.#watches(OpCode.removeWatches, path, kind);
  }

  /** Whether this connection has such a watch. */
  async checkWatches(path: string, kind: WatcherKind): Promise<boolean> {
    try {
      await this.#watches(OpCode.checkWatches, path, kind);
      return true;
    } catch (error) {
      if (ZooKeeperError.is(error, "NOWATCHER")) return false;
      throw error;
    }
  }

  /**
   * Sets watches of an earlier connection of the session again, in as many requests as needed. What changed after
   * `sinceZxid` is reported at once, for one-shot watches; what persistent ones missed is not.
   */
  async setWatches(watches: StandingWatches, sinceZxid: bigint): Promise<void> {
    const requests: Promise<void>[] = [];
    for (const batch of batchesOf(watches)) {
      const out = this.#begin(setWatchesType(batch), undefined, undefined);
      if (out instanceof Error) {
        requests.push(Promise.reject(out));
        break;
      }
      writeSetWatches(out, batch, sinceZxid);
      requests.push(this.#channel.end(undefined, readNothing));
    }
    await Promise.all(requests);
  }

  /** Ends the session at the server, with its ephemeral nodes, and the connection. */
  async closeSession(timeoutMs: number): Promise<void> {
    const late = new ConnectionError(
      "NO_ANSWER",
      `the session's end was not confirmed within ${timeoutMs} ms`,
    );
    const timer = setTimeout(() => this.#channel.close(late), timeoutMs);
    try {
      await this.#channel.closeSession();
    } finally {
      clearTimeout(timer);
      this.#channel.close(new ConnectionError("CLOSED", "the session was closed"));
    }
  }

  /** Ends the connection without a word to the server, which keeps the session until it times out. Idempotent. */
  drop(cause: unknown = new ConnectionError("CLOSED", "the connection was dropped")): void {
    this.#channel.close(cause);
  }

  #read<T>(
    type: number,
    path: string,
    { watch = false, replied }: ReadOptions,
    read: (reader: Reader) => T,
  ): Promise<T> {
    const out = this.#begin(type, path, pathProblem(path));
    if (out instanceof Error) return Promise.reject(out);
    out.string(path);
    out.bool(watch);
    return this.#channel.end(path, read, replied);
  }

  #watches(type: number, path: string, kind: WatcherKind): Promise<void> {
    const out = this.#begin(type, path, pathProblem(path) ?? oneOfProblem(watcherKinds, kind));
    if (out instanceof Error) return Promise.reject(out);
    out.string(path);
    out.int32(watcherKinds[kind]);
    return this.#channel.end(path, readNothing);
  }

  #begin(type: number, path: string | undefined, problem: TypeError | undefined): Outbox | Error {
    return problem ?? this.#channel.begin(type, path) ?? this.#channel.out;
  }
}

function oneOfProblem(names: Readonly<Record<string, number>>, name: string): TypeError | undefined {
  if (Object.hasOwn(names, name)) return undefined;
  return badArgument(`${JSON.stringify(name)} is none of ${Object.keys(names).join(", ")}`);
}
