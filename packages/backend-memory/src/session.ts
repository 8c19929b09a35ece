import {
  type BackendSession,
  type Child,
  type ChildNamesSink,
  type ChildNode,
  type ChildNodesSink,
  type Clock,
  ConclaveError,
  type Guard,
  type LineEntry,
  type LineNode,
  type LookAhead,
  type Node,
  type NodeSink,
  type Operation,
  type OperationResult,
  type Standing,
  type StopWatch,
  type Ticket,
} from "@conclave/api/backend";
import type { Contact } from "./contact.js";
import { childNodeView, childView, type Entry, nodeView } from "./entry.js";
import { notSent } from "./errors.js";
import { aheadOf, entriesOf } from "./line.js";
import { resolveIfLost } from "./lost-reply.js";
import type { Namespace } from "./namespace.js";
import { renew } from "./renew.js";
import { findInLine, resolveCommit } from "./resolve.js";
import type { SessionRecord } from "./session-record.js";
import type { Store } from "./store.js";
import { ChildrenWatch, NodeWatch, type Watch } from "./watch.js";

export interface MemorySessionParts {
  readonly store: Store;
  readonly contact: Contact;
  readonly record: SessionRecord;
  readonly namespace: Namespace;
  readonly clock: Clock;
  readonly openedAtMs: number;
}

/** A session, on the client's side. All reads are linearizable. */
export class MemorySession implements BackendSession {
  readonly id: string;
  readonly timeoutMs: number;
  readonly openedAtMs: number;
  readonly #store: Store;
  readonly #contact: Contact;
  readonly #record: SessionRecord;
  readonly #namespace: Namespace;
  readonly #clock: Clock;
  readonly #watches = new Set<Watch>();
  #tags = 0;

  constructor(parts: MemorySessionParts) {
    this.#store = parts.store;
    this.#contact = parts.contact;
    this.#record = parts.record;
    this.#namespace = parts.namespace;
    this.#clock = parts.clock;
    this.id = parts.record.id;
    this.timeoutMs = parts.record.timeoutMs;
    this.openedAtMs = parts.openedAtMs;
    this.#contact.onConnected = (connection) => {
      for (const watch of this.#watches) watch.start(connection);
    };
  }

  renew(timeoutMs: number): Promise<number> {
    const send = () => this.#contact.request("renew", () => this.#store.renew(this.#record));
    return renew(this.#contact, this.#clock, timeoutMs, send);
  }

  get(path: string): Promise<Node | undefined> {
    return this.#contact.request("get", () => this.#view(this.#find(path)));
  }

  children(path: string): Promise<readonly Child[] | undefined> {
    return this.#contact.request("children", () => {
      const parent = this.#find(path);
      return parent && Array.from(parent.children.values(), childView);
    });
  }

  childNodes(path: string): Promise<readonly ChildNode[] | undefined> {
    return this.#contact.request("childNodes", () => {
      const parent = this.#find(path);
      return parent && Array.from(parent.children.values(), (entry) => childNodeView(entry, this.#namespace));
    });
  }

  commit(operations: readonly Operation[], guard: Guard | undefined): Promise<readonly OperationResult[]> {
    const tag = operations.some(isResolvable) ? this.#nextTag() : undefined;
    const ask = () => this.#store.commit(this.#record, this.#namespace, operations, guard, tag);
    const sent = this.#contact.request("commit", ask);
    if (tag === undefined) return sent;
    return resolveIfLost(this.#contact, sent, {
      find: () => resolveCommit(this.#store.tree, this.#namespace, operations, tag),
      // Not "not applied": somebody may have deleted what it made.
      notFound: (lost) => lost,
    });
  }

  async enqueue(line: string, entry: LineEntry, look: LookAhead): Promise<Ticket> {
    const tag = this.#nextTag();
    const sent = this.#contact.request("enqueue", () =>
      this.#ticket(line, this.#store.enqueue(this.#record, this.#namespace, line, entry, tag), look),
    );
    return resolveIfLost(this.#contact, sent, {
      find: () => {
        const found = findInLine(this.#store.tree, this.#namespace.absolute(line), tag);
        return found && { ...this.#ticket(line, found, look), followed: found.behind !== undefined };
      },
      notFound: () => notSent("contact broke, and no entry stands"),
    });
  }

  standing(ticket: Ticket, look: LookAhead): Promise<Standing> {
    return this.#contact.request("standing", (): Standing => {
      const entry = this.#store.held(this.#record, this.#namespace, ticket);
      if (entry === undefined) return { present: false };
      return { present: true, ahead: aheadOf(entry, look, this.#namespace) };
    });
  }

  leave(ticket: Ticket): Promise<void> {
    return this.#contact.request("leave", () => {
      const entry = this.#store.held(this.#record, this.#namespace, ticket);
      if (entry !== undefined) this.#store.remove(entry);
    });
  }

  entries(line: string, limit: number): Promise<readonly LineNode[]> {
    return this.#contact.request("entries", () => entriesOf(this.#find(line), limit, this.#namespace));
  }

  watchNode(path: string, sink: NodeSink): StopWatch {
    return this.#watch(new NodeWatch(this.#store, this.#namespace, path, sink));
  }

  watchChildren(path: string, sink: ChildNamesSink): StopWatch {
    const target = { store: this.#store, path: this.#namespace.absolute(path) };
    return this.#watch(new ChildrenWatch({ ...target, sink, view: childView, withData: false }));
  }

  watchChildNodes(path: string, sink: ChildNodesSink): StopWatch {
    const target = { store: this.#store, path: this.#namespace.absolute(path) };
    const view = (entry: Entry) => childNodeView(entry, this.#namespace);
    return this.#watch(new ChildrenWatch({ ...target, sink, view, withData: true }));
  }

  async close(): Promise<void> {
    try {
      await this.#contact.request("close", () => {
        this.#record.tellEnded = undefined;
        this.#store.end(this.#record, "it was closed");
      });
    } catch (error) {
      if (!ConclaveError.is(error, "SESSION_LOST")) throw error;
    } finally {
      this.abandon();
    }
  }

  abandon(): void {
    for (const watch of this.#watches) watch.stop();
    this.#watches.clear();
    this.#contact.abandon();
  }

  #watch(watch: Watch): StopWatch {
    this.#watches.add(watch);
    const connection = this.#contact.connection;
    if (connection !== undefined) watch.start(connection);
    return () => {
      watch.stop();
      this.#watches.delete(watch);
    };
  }

  #find(path: string): Entry | undefined {
    return this.#store.tree.get(this.#namespace.absolute(path));
  }

  #view(entry: Entry | undefined): Node | undefined {
    return entry && nodeView(entry, this.#namespace);
  }

  #ticket(line: string, entry: Entry, look: LookAhead): Ticket {
    const path = this.#namespace.relative(entry.path);
    const { createRevision } = entry.origin;
    return { line, path, createRevision, ahead: aheadOf(entry, look, this.#namespace), followed: false };
  }

  #nextTag(): string {
    this.#tags += 1;
    return `${this.#record.number}x${this.#tags}`;
  }
}

/** A node that blocks others, or cannot be made twice: worth finding out about when the reply is lost. */
function isResolvable(operation: Operation): boolean {
  return operation.type === "create" && (operation.ephemeral || operation.sequential);
}
