import type { CreateOptions } from "./create-mode.js";
import type { MultiOperation, MultiResult, ReadOperation, ReadResult } from "./multi.js";
import type { AclEntry, Created, Identity, NodeAcl, Stat } from "./records.js";

/**
 * Requests to ZooKeeper that a connection and a client have in common. They take effect in the order of the calls.
 *
 * All reject with `ZooKeeperError` when the server answers with a code; with `ConnectionError` when no answer came,
 * whose `outcome` says whether the request may have taken effect; and with `TypeError` for arguments that can't be
 * right, of which nothing was sent. `version` is compared with the node's; -1, the default, stands for any.
 */
export interface Operations {
  /** Creates a node. With `NODEEXISTS`, `NONODE` (no parent), `NOCHILDRENFOREPHEMERALS`, `INVALIDACL`. */
  create(path: string, data: Uint8Array, options?: CreateOptions): Promise<Created>;
  /** Deletes a node without children. With `NONODE`, `BADVERSION`, `NOTEMPTY`. */
  delete(path: string, version?: number): Promise<void>;
  /** With `NONODE`, `BADVERSION`. */
  setData(path: string, data: Uint8Array, version?: number): Promise<Stat>;
  /** With `NONODE`. */
  getAcl(path: string): Promise<NodeAcl>;
  /** `aversion` is compared with the node's `aversion`. With `NONODE`, `BADVERSION`, `INVALIDACL`. */
  setAcl(path: string, acl: readonly AclEntry[], aversion?: number): Promise<Stat>;
  /** Makes the server catch up with the leader before it answers what is asked after this call. */
  sync(path: string): Promise<void>;
  /** All or nothing. When one fails, rejects with its error, whose `operation` and `path` name it. */
  multi(operations: readonly MultiOperation[]): Promise<readonly MultiResult[]>;
  /** Several reads in one request; each fails for itself. ZooKeeper 3.6 and later. */
  multiRead(operations: readonly ReadOperation[]): Promise<readonly ReadResult[]>;
  /** Paths of this session's ephemeral nodes that begin with `prefix`. ZooKeeper 3.6 and later. */
  getEphemerals(prefix?: string): Promise<readonly string[]>;
  /** How many descendants a node has. ZooKeeper 3.6 and later. */
  countDescendants(path: string): Promise<number>;
  /** ZooKeeper 3.7 and later. */
  whoAmI(): Promise<readonly Identity[]>;
  /** Presents further credentials. The connection ends if the server refuses them (`AUTHFAILED`). */
  addAuth(scheme: string, auth: string | Uint8Array): Promise<void>;
}
