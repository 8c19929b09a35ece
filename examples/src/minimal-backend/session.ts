import {
  type BackendSession,
  type Child,
  type ChildNamesSink,
  type ChildNode,
  type ChildNodesSink,
  ConclaveError,
  type Guard,
  type LineEntry,
  type LineNode,
  type LookAhead,
  type Neighbour,
  type Node,
  type NodeSink,
  type Operation,
  type OperationResult,
  type SessionObserver,
  type Standing,
  type StopWatch,
  systemClock,
  type Ticket,
} from "@conclave/api/backend";
import { Change, type Store, type Stored } from "./store.js";

export interface SessionOptions {
  readonly id: string;
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly observer: SessionObserver;
}

/** One session. Store and session live in one process here, so there is no contact to lose and no reply to miss. */
export class MinimalSession implements BackendSession {
  readonly id: string;
  readonly timeoutMs: number;
  readonly openedAtMs = systemClock.now();
  readonly #store: Store;
  readonly #prefix: string;
  readonly #observer: SessionObserver;
  readonly #watches = new Set<StopWatch>();
  #cancelExpiry = () => {};
  #over: string | undefined;

  constructor(store: Store, { id, namespace, timeoutMs, observer }: SessionOptions) {
    this.id = id;
    this.timeoutMs = timeoutMs;
    this.#store = store;
    this.#prefix = namespace === "/" ? "" : namespace;
    this.#observer = observer;
    this.#change((change) => change.createMissing(namespace));
    this.#renewed();
  }

  async renew(): Promise<number> {
    const sentAtMs = systemClock.now();
    await this.#request(() => this.#renewed());
    return sentAtMs;
  }

  get(path: string): Promise<Node | undefined> {
    return this.#request(() => this.#node(path));
  }

  children(path: string): Promise<readonly Child[] | undefined> {
    return this.#request(() => names(this.#list(path)));
  }

  childNodes(path: string): Promise<readonly ChildNode[] | undefined> {
    return this.#request(() => this.#list(path));
  }

  commit(operations: readonly Operation[], guard: Guard | undefined): Promise<readonly OperationResult[]> {
    return this.#request(() => {
      if (guard !== undefined && !this.#holds(guard)) {
        throw new ConclaveError("NOT_HELD", `${guard.path} is no longer held`, { path: guard.path });
      }
      const results = this.#change((change) =>
        operations.map((operation, index) => change.apply(operation, this.#whole(operation.path), index)),
      );
      return results.map((result) =>
        "path" in result ? { ...result, path: this.#own(result.path) } : result,
      );
    });
  }

  enqueue(line: string, { label, data }: LineEntry, look: LookAhead): Promise<Ticket> {
    return this.#request(() =>
      this.#change((change, revision) => {
        const path = `${line === "/" ? "" : line}/${label}-${revision}`;
        change.createMissing(this.#whole(line));
        change.create(this.#whole(path), { data, owner: this.id, sequence: revision });
        const ahead = this.#ahead(line, revision, look);
        return { line, path, createRevision: revision, ahead, followed: false };
      }),
    );
  }

  standing(ticket: Ticket, look: LookAhead): Promise<Standing> {
    return this.#request(() =>
      this.#holds(ticket)
        ? { present: true, ahead: this.#ahead(ticket.line, ticket.createRevision, look) }
        : { present: false },
    );
  }

  leave(ticket: Ticket): Promise<void> {
    return this.#request(() => {
      if (this.#holds(ticket)) this.#store.commit((draft) => void draft.delete(this.#whole(ticket.path)));
    });
  }

  entries(line: string, limit: number): Promise<readonly LineNode[]> {
    return this.#request(() =>
      this.#inOrder(line)
        .slice(0, limit)
        .map((entry) => ({ ...this.#nodeOf(entry), label: labelOf(entry.path) })),
    );
  }

  watchNode(path: string, sink: NodeSink): StopWatch {
    return this.#watch(
      () => this.#node(path),
      (node) => sink.state(node),
    );
  }

  watchChildren(path: string, sink: ChildNamesSink): StopWatch {
    return this.#watch(
      () => names(this.#list(path)),
      (children) => sink.snapshot(children),
    );
  }

  watchChildNodes(path: string, sink: ChildNodesSink): StopWatch {
    return this.#watch(
      () => this.#list(path),
      (children) => sink.snapshot(children),
    );
  }

  close(): Promise<void> {
    return this.#request(() => this.#end("it was closed"));
  }

  /** Frees this side. The store goes on to count the session's time, as it would if this process had died. */
  abandon(): void {
    for (const stop of [...this.#watches]) stop();
  }

  /** The store ends the session by itself. */
  expire(cause: string): void {
    this.#end(cause);
    this.#observer.ended(cause);
  }

  /** Every request comes this way: answered later, never within the call, and refused once the session is over (SES-5). */
  async #request<T>(answer: () => T): Promise<T> {
    await undefined;
    if (this.#over !== undefined)
      throw new ConclaveError("SESSION_LOST", `session ${this.id} is over: ${this.#over}`);
    return answer();
  }

  #renewed(): void {
    this.#cancelExpiry();
    this.#cancelExpiry = systemClock.schedule(this.timeoutMs, () =>
      this.expire("it was not renewed in time"),
    );
  }

  /** Ephemeral nodes go with their session, all in one commit (SES-6). */
  #end(cause: string): void {
    if (this.#over !== undefined) return;
    this.#over = cause;
    this.#cancelExpiry();
    this.#store.commit((draft) => {
      for (const { path, owner } of this.#store.nodes.values()) if (owner === this.id) draft.delete(path);
    });
  }

  #change<T>(make: (change: Change, revision: bigint) => T): T {
    return this.#store.commit((draft, revision) =>
      make(new Change(draft, revision, this.id, (path) => this.#own(path)), revision),
    );
  }

  #holds({ path, createRevision }: Guard): boolean {
    const stored = this.#store.get(this.#whole(path));
    return stored?.owner === this.id && stored.createRevision === createRevision;
  }

  /** Nodes that stay may be below a line too, and hold nobody up. */
  #inOrder(line: string): readonly Stored[] {
    return this.#store
      .children(this.#whole(line))
      .filter(({ owner }) => owner !== undefined)
      .toSorted((a, b) => Number(a.createRevision - b.createRevision));
  }

  #ahead(line: string, createRevision: bigint, { label, limit }: LookAhead): readonly Neighbour[] {
    return this.#inOrder(line)
      .filter((entry) => entry.createRevision < createRevision)
      .map(({ path }) => ({ path: this.#own(path), label: labelOf(path) }))
      .filter((neighbour) => label === undefined || neighbour.label === label)
      .slice(-limit)
      .reverse();
  }

  /** Reports the state now and after each commit that changed it. */
  #watch<T>(read: () => T, report: (state: T) => void): StopWatch {
    let last: string | undefined;
    const look = () => {
      const state = read();
      const mark = fingerprint(state);
      if (mark === last) return;
      last = mark;
      queueMicrotask(() => this.#watches.has(stop) && report(state));
    };
    const forget = this.#store.onCommit(look);
    const stop = () => {
      forget();
      this.#watches.delete(stop);
    };
    this.#watches.add(stop);
    look();
    return stop;
  }

  #node(path: string): Node | undefined {
    const stored = this.#store.get(this.#whole(path));
    return stored && this.#nodeOf(stored);
  }

  #list(path: string): readonly ChildNode[] | undefined {
    const parent = this.#whole(path);
    if (this.#store.get(parent) === undefined) return undefined;
    return this.#store.children(parent).map((stored) => ({
      name: stored.path.slice(stored.path.lastIndexOf("/") + 1),
      sequence: stored.sequence,
      node: this.#nodeOf(stored),
    }));
  }

  #nodeOf({ path, data, version, createRevision, modRevision, owner }: Stored): Node {
    return { path: this.#own(path), data, version, createRevision, modRevision, ephemeralOwner: owner };
  }

  #whole(path: string): string {
    return path === "/" ? this.#prefix || "/" : this.#prefix + path;
  }

  #own(path: string): string {
    return path.slice(this.#prefix.length) || "/";
  }
}

/** Of the name that `enqueue` gives an entry. */
function labelOf(path: string): string | undefined {
  return /\/([a-z]+(?:-[0-9]+)?)-[0-9]+$/.exec(path)?.[1];
}

function names(children: readonly ChildNode[] | undefined): readonly Child[] | undefined {
  return children?.map(({ name, sequence }) => ({ name, sequence }));
}

/** Equal for equal states; data is told apart by its revision. */
function fingerprint(state: unknown): string {
  return JSON.stringify([state], (key, value) =>
    key === "data" ? undefined : typeof value === "bigint" ? String(value) : value,
  );
}
