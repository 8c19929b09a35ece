import type {
  CheckOperation,
  CreateOperation,
  DeleteOperation,
  Operation,
  OperationResult,
  SetOperation,
} from "@conclave/api/backend";
import { badVersion, ephemeralParent, nodeExists, noNode, noParent, notEmpty, rootStays } from "./errors.js";
import { childPath, type Namespace, nameOf, parentOf } from "./namespace.js";
import type { SessionRecord } from "./session-record.js";
import type { NewEntry, Tree } from "./tree.js";

export type Change =
  | { readonly type: "create"; readonly entry: NewEntry }
  | { readonly type: "set"; readonly path: string; readonly data: Uint8Array }
  | { readonly type: "delete"; readonly path: string };

/** What the rules ask about a node. */
interface Facts {
  readonly version: number;
  readonly ephemeral: boolean;
  readonly children: number;
}

const noData = new Uint8Array(0);

/**
 * Judges the operations of one commit, each on the state that the ones before it would leave, without touching the
 * tree. Throws for the first that is not allowed; so a commit is applied whole or not at all (TXN-1).
 */
export class Plan {
  readonly changes: Change[] = [];
  readonly results: OperationResult[] = [];
  readonly #tree: Tree;
  readonly #session: SessionRecord;
  readonly #namespace: Namespace;
  readonly #tag: string | undefined;
  readonly #revision: bigint;
  /** Paths whose facts differ from the tree's; `undefined`: no node. */
  readonly #staged = new Map<string, Facts | undefined>();

  constructor(tree: Tree, session: SessionRecord, namespace: Namespace, tag: string | undefined) {
    this.#tree = tree;
    this.#session = session;
    this.#namespace = namespace;
    this.#tag = tag;
    this.#revision = tree.revision + 1n;
  }

  add(operation: Operation): void {
    const index = this.results.length;
    switch (operation.type) {
      case "create":
        this.#create(operation, index);
        break;
      case "set":
        this.#set(operation, index);
        break;
      case "delete":
        this.#delete(operation, index);
        break;
      case "check":
        this.#check(operation, index);
        break;
    }
  }

  #facts(path: string): Facts | undefined {
    if (this.#staged.has(path)) return this.#staged.get(path);
    const entry = this.#tree.get(path);
    if (entry === undefined) return undefined;
    return {
      version: entry.version,
      ephemeral: entry.origin.owner !== undefined,
      children: entry.children.size,
    };
  }

  #create(operation: CreateOperation, index: number): void {
    const asked = this.#namespace.absolute(operation.path);
    const parent = parentOf(asked);
    if (operation.parents) this.#createAncestors(parent, index);
    const above = this.#facts(parent);
    const shown = (path: string) => this.#namespace.relative(path);
    if (above === undefined) throw noParent(shown(parent), operation.path, index);
    if (above.ephemeral) throw ephemeralParent(shown(parent), index);
    const sequence = operation.sequential ? this.#tree.nextSequence() : undefined;
    const path =
      sequence === undefined ? asked : childPath(parent, sequentialName(nameOf(asked), this.#tag, sequence));
    if (this.#facts(path) !== undefined) throw nodeExists(shown(path), index);
    const owner = operation.ephemeral ? this.#session : undefined;
    this.#insert({ path, owner, sequence, tag: this.#tag, data: operation.data }, above);
    this.results.push({ type: "create", path: shown(path), sequence });
  }

  #createAncestors(path: string, index: number): void {
    if (this.#facts(path) !== undefined) return;
    const parent = parentOf(path);
    this.#createAncestors(parent, index);
    const above = this.#facts(parent);
    if (above === undefined || above.ephemeral)
      throw ephemeralParent(this.#namespace.relative(parent), index);
    this.#insert({ path, owner: undefined, sequence: undefined, tag: undefined, data: noData }, above);
  }

  #insert(entry: NewEntry, parent: Facts): void {
    this.#staged.set(parentOf(entry.path), { ...parent, children: parent.children + 1 });
    this.#staged.set(entry.path, { version: 0, ephemeral: entry.owner !== undefined, children: 0 });
    this.changes.push({ type: "create", entry });
  }

  #set(operation: SetOperation, index: number): void {
    const path = this.#namespace.absolute(operation.path);
    const facts = this.#existing(path, operation, index);
    const version = facts.version + 1;
    this.#staged.set(path, { ...facts, version });
    this.changes.push({ type: "set", path, data: operation.data });
    this.results.push({ type: "set", version, modRevision: this.#revision });
  }

  #delete(operation: DeleteOperation, index: number): void {
    if (operation.path === "/") throw rootStays(index);
    const path = this.#namespace.absolute(operation.path);
    const facts = this.#existing(path, operation, index);
    if (facts.children > 0) throw notEmpty(operation.path, index);
    this.#staged.set(path, undefined);
    const parent = parentOf(path);
    const above = this.#facts(parent);
    if (above !== undefined) this.#staged.set(parent, { ...above, children: above.children - 1 });
    this.changes.push({ type: "delete", path });
    this.results.push({ type: "delete" });
  }

  #check(operation: CheckOperation, index: number): void {
    const path = this.#namespace.absolute(operation.path);
    if (operation.exists) this.#existing(path, operation, index);
    else if (this.#facts(path) !== undefined) throw nodeExists(operation.path, index);
    this.results.push({ type: "check" });
  }

  #existing(path: string, operation: SetOperation | DeleteOperation | CheckOperation, index: number): Facts {
    const facts = this.#facts(path);
    if (facts === undefined) throw noNode(operation.path, index);
    const { ifVersion } = operation;
    if (ifVersion !== undefined && ifVersion !== facts.version) {
      throw badVersion(operation.path, ifVersion, facts.version, index);
    }
    return facts;
  }
}

/** The tag lets the creator find the node again when the reply is lost; the number makes the name unique and sortable. */
function sequentialName(prefix: string, tag: string | undefined, sequence: bigint): string {
  return `${prefix}${tag ?? ""}-${sequence.toString().padStart(10, "0")}`;
}
