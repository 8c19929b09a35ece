/** A node as it stood at one moment. */
export interface Node {
  readonly path: string;
  readonly data: Uint8Array;
  /** 0 at creation, one more with each set (NODE-5). */
  readonly version: number;
  /** Store revision of the commit that created this node; tells it from a recreation (NODE-6). */
  readonly createRevision: bigint;
  /** Store revision of the commit that last created or set it (NODE-6). */
  readonly modRevision: bigint;
  /** Id of the session that owns it, `undefined` for a persistent node. */
  readonly ephemeralOwner: string | undefined;
}

/** A child in a listing. */
export interface Child {
  readonly name: string;
  /** Of a sequential node: grows in the order in which creations under this parent took effect (NODE-7). */
  readonly sequence: bigint | undefined;
}

/** A child in a listing with data. */
export interface ChildNode extends Child {
  readonly node: Node;
}

/** `data` of an operation or a line entry belongs to the backend: nobody changes it afterwards. */
export interface CreateOperation {
  readonly type: "create";
  /** For a sequential node: the parent and the beginning of the name, which may be empty (`/queue/`). */
  readonly path: string;
  readonly data: Uint8Array;
  readonly ephemeral: boolean;
  readonly sequential: boolean;
  /** Make missing ancestors, persistent and empty. Never set within a transaction of several operations. */
  readonly parents: boolean;
}

export interface SetOperation {
  readonly type: "set";
  readonly path: string;
  readonly data: Uint8Array;
  readonly ifVersion: number | undefined;
}

export interface DeleteOperation {
  readonly type: "delete";
  readonly path: string;
  readonly ifVersion: number | undefined;
}

/** Fails with `NO_NODE`, `NODE_EXISTS` or `BAD_VERSION` unless the node is as said. */
export interface CheckOperation {
  readonly type: "check";
  readonly path: string;
  readonly exists: boolean;
  readonly ifVersion: number | undefined;
}

export type Operation = CreateOperation | SetOperation | DeleteOperation | CheckOperation;

export interface CreateResult {
  readonly type: "create";
  /** The path of the new node, whole, also for a sequential one. */
  readonly path: string;
  readonly sequence: bigint | undefined;
}

export interface SetResult {
  readonly type: "set";
  readonly version: number;
  readonly modRevision: bigint;
}

export interface DeleteResult {
  readonly type: "delete";
}

export interface CheckResult {
  readonly type: "check";
}

export type OperationResult = CreateResult | SetResult | DeleteResult | CheckResult;

/**
 * Makes a commit conditional on a place in a line: the entry at `path`, created at `createRevision`, still stands
 * and belongs to this session. Otherwise the commit fails whole with `NOT_HELD`.
 */
export interface Guard {
  readonly path: string;
  readonly createRevision: bigint;
  /**
   * Given where the name of `path` may be given again, unlike that of an entry which `enqueue` made: the path of a node that everybody
   * who makes the entry in its place sets, or deletes, before relying on it. A store whose transactions cannot compare create
   * revisions (ZooKeeper) judges by it; others need not look.
   */
  readonly witness?: string;
}
