import type { Connection, MultiOperation } from "./driver.js";
import { Code, ZooKeeperError } from "./errors.js";
import { ancestorsOf, parentOf } from "./paths.js";

/** No version that data have. */
const IMPOSSIBLE_VERSION = -2;
const ANY_VERSION = -1;
const nothing = new Uint8Array(0);

/**
 * A check that there is no node, of which ZooKeeper's transactions know none: the node is made and deleted again in the same
 * transaction. Where it has no parent, in which it could be made, the topmost ancestor that is missing stands in for it.
 */
export class Absence {
  readonly #path: string;
  #standsIn: { readonly path: string; readonly as: "missing" | "ephemeral" } | undefined;
  /** Its parent is deleted earlier in the same transaction. */
  #certain = false;

  constructor(path: string) {
    this.#path = path;
  }

  get operations(): readonly MultiOperation[] {
    if (this.#certain) return [];
    const { path, as } = this.#standsIn ?? { path: this.#path, as: "missing" };
    if (path === "/") return [{ type: "check", path, version: IMPOSSIBLE_VERSION }];
    if (as === "ephemeral") return [{ type: "check", path, version: ANY_VERSION }];
    return [
      { type: "create", path, data: nothing, ephemeral: false, sequential: false },
      { type: "delete", path, version: ANY_VERSION },
    ];
  }

  /**
   * Whether the transaction should be tried again, with other `operations`. `before` are the operations ahead of it in the
   * transaction.
   */
  async refused(error: unknown, connection: Connection, before: readonly MultiOperation[]): Promise<boolean> {
    if (this.#standsIn !== undefined) {
      // Somebody has made it, or deleted it, since.
      this.#standsIn = undefined;
      return true;
    }
    if (ZooKeeperError.is(error, Code.NOCHILDRENFOREPHEMERALS)) {
      // Nothing is below an ephemeral node.
      this.#standsIn = { path: parentOf(this.#path), as: "ephemeral" };
      return true;
    }
    if (!ZooKeeperError.is(error, Code.NONODE)) return false;
    const ancestors = ancestorsOf(this.#path);
    const stats = await Promise.all(ancestors.map((path) => connection.exists(path, { watch: false })));
    for (const [index, path] of ancestors.entries()) {
      const last = before.findLast((operation) => operation.type !== "check" && operation.path === path);
      if (last?.type === "delete") {
        this.#certain = true;
        return true;
      }
      if (last !== undefined || stats[index] !== undefined) continue;
      this.#standsIn = { path, as: "missing" };
      return true;
    }
    // They have all been made since.
    return true;
  }
}
