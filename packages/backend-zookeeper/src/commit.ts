import {
  type CheckOperation,
  ConclaveError,
  type CreateOperation,
  type DeleteOperation,
  type Guard,
  type Operation,
  type OperationResult,
  type SetOperation,
} from "@conclave/api/backend";
import { commitTogether } from "./commit-together.js";
import { create, uniqueTag } from "./create.js";
import { Code, toConclaveError, ZooKeeperError } from "./errors.js";
import { judge } from "./guard.js";
import type { Link } from "./link.js";
import { type Namespace, parentOf, sequenceOf } from "./paths.js";

const ANY_VERSION = -1;

/** Writes: single ones as such, several or guarded ones as one transaction where the driver has any. */
export class Commits {
  readonly #link: Link;
  readonly #namespace: Namespace;

  constructor(link: Link, namespace: Namespace) {
    this.#link = link;
    this.#namespace = namespace;
  }

  async commit(
    operations: readonly Operation[],
    guard: Guard | undefined,
  ): Promise<readonly OperationResult[]> {
    const [operation, ...more] = operations;
    if (operation === undefined) return [];
    if (more.length > 0 || guard !== undefined) {
      const { multi } = this.#link.require(operation.path);
      if (multi !== undefined) return commitTogether(this.#link, this.#namespace, operations, guard);
      if (more.length > 0) {
        throw new ConclaveError("UNSUPPORTED", "the native ZooKeeper client has no transactions (multi)");
      }
    }
    if (guard !== undefined) await this.#judge(guard);
    try {
      return [await this.#apply(operation, guard)];
    } catch (error) {
      throw toConclaveError(error, operation.path, { operation: 0 });
    }
  }

  /** The server refuses the write itself only if the session has ended; an entry deleted from outside is seen here. */
  async #judge(guard: Guard): Promise<void> {
    await judge(this.#link.require(guard.path), this.#namespace, guard);
  }

  #apply(operation: Operation, guard: Guard | undefined): Promise<OperationResult> {
    switch (operation.type) {
      case "create":
        return this.#create(operation, guard);
      case "set":
        return this.#set(operation);
      case "delete":
        return this.#delete(operation);
      case "check":
        return this.#check(operation);
    }
  }

  async #create(operation: CreateOperation, guard: Guard | undefined): Promise<OperationResult> {
    const { data, ephemeral, sequential } = operation;
    // The root is always there (NODE-1), also after others deleted it: Curator makes parents that the server deletes when empty.
    const parents = operation.parents || parentOf(operation.path) === "/";
    const tag = sequential ? uniqueTag() : undefined;
    const path = this.#namespace.toStore(operation.path) + (tag === undefined ? "" : `${tag}-`);
    try {
      const made = await create(
        this.#link,
        { path, data, ephemeral, sequential, parents, tag, repeatable: false },
        (connection) => connection.create({ path, data, ephemeral, sequential }),
        // Sent again, it is another write: the guard may have gone meanwhile.
        async () => guard && this.#judge(guard),
      );
      return {
        type: "create",
        path: this.#namespace.fromStore(made.path),
        sequence: sequential ? sequenceOf(made.path) : undefined,
      };
    } catch (error) {
      if (!ZooKeeperError.is(error, Code.NONODE)) throw error;
      const parent = parentOf(operation.path);
      throw new ConclaveError("NO_NODE", `the parent ${parent} does not exist`, {
        path: parent,
        operation: 0,
        cause: error,
      });
    }
  }

  async #set(operation: SetOperation): Promise<OperationResult> {
    const connection = this.#link.require(operation.path);
    const path = this.#namespace.toStore(operation.path);
    const stat = await connection.set(path, operation.data, operation.ifVersion ?? ANY_VERSION);
    return { type: "set", version: stat.version, modRevision: stat.mzxid };
  }

  async #delete(operation: DeleteOperation): Promise<OperationResult> {
    const connection = this.#link.require(operation.path);
    await connection.delete(this.#namespace.toStore(operation.path), operation.ifVersion ?? ANY_VERSION);
    return { type: "delete" };
  }

  async #check(operation: CheckOperation): Promise<OperationResult> {
    const connection = this.#link.require(operation.path);
    const path = this.#namespace.toStore(operation.path);
    const synced = connection.sync(path);
    const [, stat] = await Promise.all([synced, connection.exists(path, { watch: false })]);
    if (!operation.exists) {
      if (stat !== undefined) throw new ZooKeeperError(Code.NODEEXISTS, { sent: true });
      return { type: "check" };
    }
    if (stat === undefined) throw new ZooKeeperError(Code.NONODE, { sent: true });
    if (operation.ifVersion !== undefined && operation.ifVersion !== stat.version) {
      throw new ZooKeeperError(Code.BADVERSION, { sent: true });
    }
    return { type: "check" };
  }
}
