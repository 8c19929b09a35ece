import type { Clock, Guard, LineEntry, Operation, OperationResult } from "@conclave/api/backend";
import type { Entry } from "./entry.js";
import { ephemeralParent, notHeld, sessionLost } from "./errors.js";
import { Expiry } from "./expiry.js";
import { lineEntryName } from "./line.js";
import { childPath, Namespace } from "./namespace.js";
import { type Change, Plan } from "./plan.js";
import { RequestCounts } from "./requests.js";
import { SessionRecord } from "./session-record.js";
import { Tree } from "./tree.js";
import { Turns } from "./turns.js";
import { Watchers } from "./watchers.js";

/** A client's connection, as the store sees it. */
export interface StoreConnection {
  breakOff(cause: string): void;
}

export interface SessionLimits {
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
}

const wholeStore = new Namespace("/");
const noData = new Uint8Array(0);

/** The server: nodes, sessions and watchers. Requests reach it one after another, over connections. */
export class Store {
  readonly tree = new Tree();
  readonly watchers = new Watchers();
  readonly requests = new RequestCounts();
  readonly sessions = new Map<string, SessionRecord>();
  readonly connections = new Set<StoreConnection>();
  readonly clock: Clock;
  readonly turns = new Turns();
  readonly #limits: SessionLimits;
  readonly #expiry: Expiry;
  #sessionNumber = 0;

  constructor(clock: Clock, limits: SessionLimits) {
    this.clock = clock;
    this.#limits = limits;
    this.#expiry = new Expiry(clock, (session) => this.end(session, "it was not renewed in time"));
  }

  open(askedTimeoutMs: number, namespace: string): SessionRecord {
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = this.#limits;
    const timeoutMs = Math.min(Math.max(askedTimeoutMs, minSessionTimeoutMs), maxSessionTimeoutMs);
    this.#sessionNumber += 1;
    const session = new SessionRecord(this.#sessionNumber, timeoutMs, this.clock.now());
    if (this.tree.get(namespace) === undefined) this.#make(session, namespace);
    this.sessions.set(session.id, session);
    this.#expiry.add(session);
    return session;
  }

  /** Refuses whatever a session asks that is over (SES-5). */
  admit(session: SessionRecord): void {
    if (session.endedBecause !== undefined) throw sessionLost(session.id, session.endedBecause);
  }

  renew(session: SessionRecord): void {
    session.deadlineMs = this.clock.now() + session.timeoutMs;
  }

  /** Ends a session; its ephemeral nodes go in one commit (SES-6). */
  end(session: SessionRecord, cause: string): void {
    if (session.endedBecause !== undefined) return;
    session.endedBecause = cause;
    this.sessions.delete(session.id);
    this.#expiry.removed();
    const owned = [...session.owned];
    this.#apply(owned.map((entry): Change => ({ type: "delete", path: entry.path })));
    session.tellEnded?.(cause);
    session.tellEnded = undefined;
  }

  /** All connections break; nodes and sessions stay, and the sessions' time starts anew. */
  restart(): void {
    for (const session of this.sessions.values()) this.renew(session);
    for (const connection of [...this.connections]) connection.breakOff("the store was restarted");
  }

  commit(
    session: SessionRecord,
    namespace: Namespace,
    operations: readonly Operation[],
    guard: Guard | undefined,
    tag: string | undefined,
  ): readonly OperationResult[] {
    if (guard !== undefined && this.held(session, namespace, guard) === undefined) throw notHeld(guard.path);
    const plan = new Plan(this.tree, session, namespace, tag);
    for (const operation of operations) plan.add(operation);
    this.#apply(plan.changes);
    return plan.results;
  }

  enqueue(session: SessionRecord, namespace: Namespace, line: string, entry: LineEntry, tag: string): Entry {
    const absolute = namespace.absolute(line);
    const parent = this.tree.get(absolute) ?? this.#make(session, absolute);
    if (parent.origin.owner !== undefined) throw ephemeralParent(line);
    const sequence = this.tree.nextSequence();
    const path = childPath(absolute, lineEntryName(entry.label, tag, sequence));
    const created = { path, owner: session, sequence, tag, data: entry.data };
    this.#apply([{ type: "create", entry: created }]);
    return this.#expect(path);
  }

  /** The entry, if it still stands and belongs to this session. */
  held(session: SessionRecord, namespace: Namespace, place: Guard): Entry | undefined {
    const entry = this.tree.get(namespace.absolute(place.path));
    if (entry === undefined || entry.origin.owner !== session) return undefined;
    return entry.origin.createRevision === place.createRevision ? entry : undefined;
  }

  remove(entry: Entry): void {
    this.#apply([{ type: "delete", path: entry.path }]);
  }

  #make(session: SessionRecord, path: string): Entry {
    const plan = new Plan(this.tree, session, wholeStore, undefined);
    plan.add({ type: "create", path, data: noData, ephemeral: false, sequential: false, parents: true });
    this.#apply(plan.changes);
    return this.#expect(path);
  }

  #expect(path: string): Entry {
    const entry = this.tree.get(path);
    if (entry === undefined) throw new Error(`the store has just made ${path}`);
    return entry;
  }

  /** One commit: all changes first, then all notices, so that nobody is told of half of one (TXN-2). */
  #apply(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    const { tree, watchers } = this;
    tree.revision += 1n;
    const notices: (() => void)[] = [];
    for (const change of changes) {
      if (change.type === "create") {
        const entry = tree.insert(change.entry, tree.revision);
        notices.push(() => watchers.created(entry));
        continue;
      }
      const entry = this.#expect(change.path);
      if (change.type === "delete") {
        tree.remove(entry);
        notices.push(() => watchers.removed(entry.path));
      } else {
        entry.data = change.data;
        entry.version += 1;
        entry.modRevision = tree.revision;
        notices.push(() => watchers.set(entry));
      }
    }
    for (const notice of notices) notice();
  }
}
