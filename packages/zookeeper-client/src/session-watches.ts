import { Code } from "./codes.js";
import type { Connection, ReadOptions } from "./connection.js";
import type { WatchEvent } from "./events.js";
import type { StandingWatches } from "./set-watches.js";
import {
  type OneShotKind,
  type PersistentKind,
  type PersistentSink,
  Watches,
  type WatchListener,
} from "./watches.js";

/** What is needed of the session's connections. */
export interface WatchLink {
  readonly connection: Connection | undefined;
  /** The latest transaction that any reply has reflected, on any connection so far. */
  readonly lastZxid: bigint;
}

const none: StandingWatches = { data: [], exist: [], child: [], persistent: [], recursive: [] };

/**
 * Keeps the watches of one session standing at the server, whatever becomes of its connections.
 *
 * Servers before 3.9 know one mode of watch per path, connection and table, data or children, and the latest request
 * decides (ZOOKEEPER-4466). So a one-shot watch is not asked for where a persistent one reports the same; and what a
 * recursive one does to a one-shot watch of children, about which it reports nothing, is mended.
 */
export class SessionWatches {
  readonly #link: WatchLink;
  readonly #watches = new Watches();
  /** Whether the watches stand on the present connection. */
  #standing = true;
  /** All events up to this transaction have been reported. */
  #reportedZxid = 0n;

  constructor(link: WatchLink) {
    this.#link = link;
  }

  dispatch(event: WatchEvent): void {
    this.#watches.dispatch(event);
  }

  /** Options of a read that registers the listener at the moment from which the server's watch stands. */
  armed(kind: OneShotKind, at: string, listener: WatchListener): ReadOptions {
    const replied = (code: number): void => {
      if (code === Code.OK) this.#watches.addOneShot(kind === "exist" ? "data" : kind, at, listener);
      else if (code === Code.NONODE && kind === "exist") this.#watches.addOneShot(kind, at, listener);
    };
    return { watch: !this.#isReported(kind, at), replied };
  }

  /** Sets a persistent watch. Resolves when it stands. */
  async add(connection: Connection, kind: PersistentKind, at: string, sink: PersistentSink): Promise<void> {
    // Before the request: whoever removes a watch of the path meanwhile sets this one again.
    this.#watches.addPersistent(kind, at, sink);
    const since = this.#link.lastZxid;
    await connection.addWatch(at, kind === "recursive" ? "persistent-recursive" : "persistent");
    if (kind !== "recursive") return;
    // Not together with the request: a read that sets one may have been under way.
    await connection.setWatches({ ...none, child: this.#watches.standingAt(at).child }, since);
  }

  /** What is removed at the server are all watches of the path: those that still count are set again, without a gap. */
  remove(kind: PersistentKind, at: string, sink: PersistentSink): void {
    if (!this.#watches.removePersistent(kind, at, sink)) return;
    const connection = this.#link.connection;
    if (connection === undefined) return;
    const since = this.#link.lastZxid;
    const removed = connection.removeWatches(at, "any");
    const known = this.#watches.standingAt(at);
    const set = this.#set(connection, known, since);
    // A read that was under way has set its watch before the removal, and is only known by now. Its event may come
    // after a read that sees the change, but it comes.
    const late = (): Promise<unknown> =>
      this.#set(connection, without(this.#watches.standingAt(at), known), since);
    // In vain when the connection has ended: on the next one they are all set.
    Promise.all([set, removed.then(late, late)]).catch(() => {});
  }

  /** Sets all watches on a new connection, on which nothing was asked yet. */
  setAgain(connection: Connection): void {
    this.#standing = false;
    this.#set(connection, this.#watches.standing(), this.#reportedZxid).then(
      () => {
        this.#standing = true;
      },
      (error: unknown) => connection.drop(error),
    );
    for (const sink of this.#watches.sinks()) sink.gap();
  }

  disconnected(): void {
    // If not all watches stood yet, those that did not may have missed something since the connection before.
    if (this.#standing) this.#reportedZxid = this.#link.lastZxid;
  }

  end(error: unknown): void {
    for (const sink of this.#watches.sinks()) sink.fail(error);
    this.#watches.clear();
  }

  /** Whether a persistent watch reports what a one-shot watch of this kind would. */
  #isReported(kind: OneShotKind, at: string): boolean {
    if (this.#watches.isPersistent("persistent", at)) return true;
    return kind !== "child" && this.#watches.isPersistent("recursive", at);
  }

  #set(connection: Connection, standing: StandingWatches, sinceZxid: bigint): Promise<unknown> {
    const overruled = (at: string): boolean => !this.#isReported("child", at) && this.#isReported("data", at);
    const late = standing.child.filter(overruled);
    const child = standing.child.filter((at) => !overruled(at));
    return Promise.all([
      connection.setWatches({ ...standing, child }, sinceZxid),
      connection.setWatches({ ...none, child: late }, sinceZxid),
    ]);
  }
}

function without(watches: StandingWatches, others: StandingWatches): StandingWatches {
  const rest = (kind: keyof StandingWatches): readonly string[] =>
    others[kind].length > 0 ? [] : watches[kind];
  return {
    data: rest("data"),
    exist: rest("exist"),
    child: rest("child"),
    persistent: rest("persistent"),
    recursive: rest("recursive"),
  };
}
