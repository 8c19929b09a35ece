import type { Child, ChildNode, Node } from "@conclave/api/backend";
import type { Namespace } from "./namespace.js";
import type { SessionRecord } from "./session-record.js";

/** What is fixed when a node is created. */
export interface EntryOrigin {
  readonly path: string;
  readonly name: string;
  readonly parent: Entry | undefined;
  readonly createRevision: bigint;
  readonly owner: SessionRecord | undefined;
  readonly sequence: bigint | undefined;
  /** Of the commit that created it, when its client can ask for it again after a lost reply (OUT-3). */
  readonly tag: string | undefined;
}

/** Most nodes have none, and a map for each would cost more than the nodes. */
const noChildren: ReadonlyMap<string, Entry> = new Map();

/** A node as the store keeps it. Its bytes are never changed in place. */
export class Entry {
  readonly origin: EntryOrigin;
  data: Uint8Array;
  version = 0;
  modRevision: bigint;
  #children: Map<string, Entry> | undefined;
  /** Neighbours in the parent's line, in order of creation. */
  ahead: Entry | undefined;
  behind: Entry | undefined;
  /** Ends of the line of children. */
  first: Entry | undefined;
  last: Entry | undefined;

  constructor(origin: EntryOrigin, data: Uint8Array) {
    this.origin = origin;
    this.data = data;
    this.modRevision = origin.createRevision;
  }

  get children(): ReadonlyMap<string, Entry> {
    return this.#children ?? noChildren;
  }

  addChild(child: Entry): void {
    this.#children ??= new Map();
    this.#children.set(child.origin.name, child);
  }

  removeChild(child: Entry): void {
    this.#children?.delete(child.origin.name);
  }

  get path(): string {
    return this.origin.path;
  }

  /** Ephemeral sequential nodes stand in the line of their parent. */
  get standsInLine(): boolean {
    return this.origin.owner !== undefined && this.origin.sequence !== undefined;
  }
}

/** What a client gets to see: a copy, so that nobody can write into the store by it. */
export function nodeView(entry: Entry, namespace: Namespace): Node {
  const origin = entry.origin;
  return {
    path: namespace.relative(origin.path),
    data: new Uint8Array(entry.data),
    version: entry.version,
    createRevision: origin.createRevision,
    modRevision: entry.modRevision,
    ephemeralOwner: origin.owner?.id,
  };
}

export function childView(entry: Entry): Child {
  return { name: entry.origin.name, sequence: entry.origin.sequence };
}

export function childNodeView(entry: Entry, namespace: Namespace): ChildNode {
  return { name: entry.origin.name, sequence: entry.origin.sequence, node: nodeView(entry, namespace) };
}
