import { ConclaveError, type ErrorCode, type Operation, type OperationResult } from "@conclave/api/backend";

/** What the store keeps of a node. `path` is whole, namespace included. */
export interface Stored {
  readonly path: string;
  readonly data: Uint8Array;
  readonly version: number;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  readonly owner: string | undefined;
  readonly sequence: bigint | undefined;
}

/** The nodes while a commit is being made. */
export type Draft = Map<string, Stored>;

const noData = new Uint8Array(0);
/** More than one transaction has operations, so that each sequential node gets its own number. */
const sequencesPerRevision = 100n;

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/**
 * A store that is easy to understand and slow: a map, copied for each commit. It has no sessions, no tree and no watches, only
 * atomic commits and a notice after each; the rest is the backend's work, as it is with most real stores.
 */
export class Store {
  nodes: ReadonlyMap<string, Stored> = new Map();
  #revision = 0n;
  readonly #listeners = new Set<() => void>();

  constructor() {
    this.commit((draft, revision) => draft.set("/", blank("/", revision)));
  }

  get(path: string): Stored | undefined {
    return this.nodes.get(path);
  }

  children(parent: string): readonly Stored[] {
    return [...this.nodes.values()].filter(({ path }) => path !== "/" && parentOf(path) === parent);
  }

  /** All or nothing: when `change` throws, nothing happened. */
  commit<T>(change: (draft: Draft, revision: bigint) => T): T {
    const draft: Draft = new Map(this.nodes);
    const result = change(draft, this.#revision + 1n);
    this.#revision += 1n;
    this.nodes = draft;
    for (const listener of [...this.#listeners]) listener();
    return result;
  }

  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The tree's rules, on a map that knows none. */
export class Change {
  readonly #draft: Draft;
  readonly #revision: bigint;
  readonly #owner: string;
  /** Paths as the session names them, for errors. */
  readonly #own: (path: string) => string;

  constructor(draft: Draft, revision: bigint, owner: string, own: (path: string) => string) {
    this.#draft = draft;
    this.#revision = revision;
    this.#owner = owner;
    this.#own = own;
  }

  /** Applies the operation at `index` of a commit; `path` is its whole path. */
  apply(operation: Operation, path: string, index: number): OperationResult {
    if (operation.type === "create") {
      const { data, ephemeral, sequential, parents } = operation;
      const sequence = sequential ? this.#revision * sequencesPerRevision + BigInt(index) : undefined;
      const target = sequential ? `${path}${sequence}` : path;
      if (parents) this.createMissing(parentOf(target));
      this.create(target, { data, owner: ephemeral ? this.#owner : undefined, sequence }, index);
      return { type: "create", path: target, sequence };
    }
    const stored = this.#draft.get(path);
    if (operation.type === "check" && !operation.exists) {
      return stored === undefined ? { type: "check" } : this.#fail("NODE_EXISTS", path, index);
    }
    if (stored === undefined) return this.#fail("NO_NODE", path, index);
    const { ifVersion } = operation;
    if (ifVersion !== undefined && ifVersion !== stored.version)
      return this.#fail("BAD_VERSION", path, index);
    if (operation.type === "check") return { type: "check" };
    if (operation.type === "delete") return this.#delete(path, index);
    const version = stored.version + 1;
    this.#draft.set(path, { ...stored, data: operation.data, version, modRevision: this.#revision });
    return { type: "set", version, modRevision: this.#revision };
  }

  create(path: string, given: Partial<Stored>, index = 0): void {
    const parent = this.#draft.get(parentOf(path));
    if (parent === undefined) this.#fail("NO_NODE", parentOf(path), index);
    else if (parent.owner !== undefined) this.#fail("EPHEMERAL_PARENT", path, index);
    else if (this.#draft.has(path)) this.#fail("NODE_EXISTS", path, index);
    else this.#draft.set(path, { ...blank(path, this.#revision), ...given });
  }

  /** Makes a node and its ancestors where they are missing. */
  createMissing(path: string): void {
    if (this.#draft.has(path)) return;
    this.createMissing(parentOf(path));
    this.create(path, {});
  }

  #delete(path: string, index: number): OperationResult {
    for (const other of this.#draft.keys()) {
      if (other !== path && parentOf(other) === path) return this.#fail("NOT_EMPTY", path, index);
    }
    this.#draft.delete(path);
    return { type: "delete" };
  }

  #fail(code: ErrorCode, path: string, operation: number): never {
    const own = this.#own(path);
    throw new ConclaveError(code, `${code} at ${JSON.stringify(own)}`, { path: own, operation });
  }
}

function blank(path: string, revision: bigint): Stored {
  const revisions = { createRevision: revision, modRevision: revision };
  return { path, data: noData, version: 0, ...revisions, owner: undefined, sequence: undefined };
}
