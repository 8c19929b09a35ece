import {
  ConclaveError,
  type CreateOperation,
  type Guard,
  type Operation,
  type OperationResult,
} from "@conclave/api/backend";
import { Absence } from "./absence.js";
import { uniqueTag } from "./create.js";
import type { Connection, MultiOperation, MultiResult } from "./driver.js";
import { Code, toConclaveError, ZooKeeperError } from "./errors.js";
import { hasMoved, judge } from "./guard.js";
import { ancestorsOf, type Namespace, parentOf, sequenceOf } from "./paths.js";

const ANY_VERSION = -1;
/** Each repetition is caused by somebody's write in between. */
const MAX_ATTEMPTS = 100;
const nothing = new Uint8Array(0);

/** Whose an operation of the `multi` is: of the operation with this index, or of what has to hold or be made before all. */
type Origin = number | "guard" | "ancestor";

/** An operation and where it lies at the store; of a sequential create with the tag that no other node's name has. */
export interface Located {
  readonly operation: Operation;
  readonly path: string;
  readonly tag: string | undefined;
}

/** Operations to be applied in one step, with their guard. Can be sent several times. */
export class Transaction {
  readonly located: readonly Located[];
  readonly #namespace: Namespace;
  readonly #guard: Guard | undefined;
  readonly #absences = new Map<number, Absence>();
  /** To be made, at the store, before all. */
  #ancestors: readonly string[] = [];

  constructor(namespace: Namespace, operations: readonly Operation[], guard: Guard | undefined) {
    this.#namespace = namespace;
    this.#guard = guard;
    this.located = operations.map((operation) => {
      const tag = operation.type === "create" && operation.sequential ? uniqueTag() : undefined;
      const path = namespace.toStore(operation.path) + (tag === undefined ? "" : `${tag}-`);
      return { operation, path, tag };
    });
    for (const [index, { operation, path }] of this.located.entries()) {
      if (operation.type === "check" && !operation.exists) this.#absences.set(index, new Absence(path));
    }
  }

  /** Rejects with a `ConclaveError` when the transaction is refused, with the driver's error when contact is lost. */
  async send(
    connection: Connection,
    multi: NonNullable<Connection["multi"]>,
  ): Promise<readonly OperationResult[]> {
    for (let attempt = 1; ; attempt++) {
      const guard = this.#guard && (await judge(connection, this.#namespace, this.#guard));
      const { operations, origins } = this.#plan(guard ?? []);
      try {
        return this.#results(await multi(operations), origins);
      } catch (error) {
        const failed = ZooKeeperError.of(error)?.operation;
        const origin = failed === undefined ? undefined : origins[failed];
        if (failed === undefined || origin === undefined) throw error;
        if (attempt === MAX_ATTEMPTS) throw this.#refusal(error, origin);
        let isPassed: boolean;
        try {
          isPassed = await this.#mayTryAgain(error, origin, connection, operations.slice(0, failed));
        } catch (cause) {
          // A read that failed: nothing was applied.
          throw toConclaveError(cause, this.located[0]?.operation.path ?? "/", { outcome: "not-applied" });
        }
        if (!isPassed) throw this.#refusal(error, origin);
      }
    }
  }

  #plan(guard: readonly MultiOperation[]) {
    const operations: MultiOperation[] = [];
    const origins: Origin[] = [];
    const add = (origin: Origin, ...of: readonly MultiOperation[]): void => {
      operations.push(...of);
      origins.push(...of.map(() => origin));
    };
    add("guard", ...guard);
    for (const path of this.#ancestors) {
      add("ancestor", { type: "create", path, data: nothing, ephemeral: false, sequential: false });
    }
    for (const [index, { operation, path }] of this.located.entries()) {
      const absence = this.#absences.get(index);
      add(index, ...(absence?.operations ?? [toMulti(operation, path)]));
    }
    return { operations, origins };
  }

  async #mayTryAgain(
    error: unknown,
    origin: Origin,
    connection: Connection,
    before: readonly MultiOperation[],
  ): Promise<boolean> {
    if (origin === "guard") return hasMoved(error);
    if (origin === "ancestor") {
      if (!ZooKeeperError.is(error, Code.NODEEXISTS) && !ZooKeeperError.is(error, Code.NONODE)) return false;
      this.#ancestors = await this.#missing(connection);
      return true;
    }
    const absence = this.#absences.get(origin);
    if (absence !== undefined) return absence.refused(error, connection, before);
    const operation = this.located[origin]?.operation;
    if (operation?.type !== "create" || !ZooKeeperError.is(error, Code.NONODE)) return false;
    if (!makesParents(operation)) return false;
    this.#ancestors = await this.#missing(connection);
    return true;
  }

  /** The ancestors that are missing of those that may be made, the topmost first. */
  async #missing(connection: Connection): Promise<readonly string[]> {
    const wanted = new Set<string>();
    for (const { operation, path } of this.located) {
      if (operation.type !== "create" || !makesParents(operation)) continue;
      for (const ancestor of ancestorsOf(path)) wanted.add(ancestor);
    }
    const paths = [...wanted];
    const stats = await Promise.all(paths.map((path) => connection.exists(path, { watch: false })));
    return paths.filter((_, index) => stats[index] === undefined);
  }

  #refusal(error: unknown, origin: Origin): ConclaveError {
    if (origin === "guard") return toConclaveError(error, this.#guard?.path ?? "/");
    const operation = origin === "ancestor" ? 0 : origin;
    const at = this.located[operation]?.operation ?? { type: "check", path: "/" };
    const { path } = at;
    if (at.type === "create" && ZooKeeperError.is(error, Code.NONODE)) {
      const parent = parentOf(path);
      const message = `the parent ${parent} does not exist`;
      return new ConclaveError("NO_NODE", message, { path: parent, operation, cause: error });
    }
    if (this.#absences.has(operation) && ZooKeeperError.is(error, Code.BADVERSION)) {
      return new ConclaveError("NODE_EXISTS", `${path} exists already`, { path, operation, cause: error });
    }
    return toConclaveError(error, path, { operation });
  }

  #results(results: readonly MultiResult[], origins: readonly Origin[]): readonly OperationResult[] {
    return this.located.map(({ operation }, index): OperationResult => {
      const result = results[origins.indexOf(index)];
      if (operation.type === "create" && result?.type === "create") {
        return this.created(operation, result.path);
      }
      if (operation.type === "set" && result?.type === "set") {
        return { type: "set", version: result.stat.version, modRevision: result.stat.mzxid };
      }
      return { type: operation.type === "delete" ? "delete" : "check" };
    });
  }

  created({ sequential }: CreateOperation, path: string): OperationResult {
    const sequence = sequential ? sequenceOf(path) : undefined;
    return { type: "create", path: this.#namespace.fromStore(path), sequence };
  }
}

/** The root is always there (NODE-1), also after others deleted it. */
function makesParents({ parents, path }: CreateOperation): boolean {
  return parents || parentOf(path) === "/";
}

function toMulti(operation: Operation, path: string): MultiOperation {
  switch (operation.type) {
    case "create": {
      const { data, ephemeral, sequential } = operation;
      return { type: "create", path, data, ephemeral, sequential };
    }
    case "set":
      return { type: "set", path, data: operation.data, version: operation.ifVersion ?? ANY_VERSION };
    case "delete":
    case "check":
      return { type: operation.type, path, version: operation.ifVersion ?? ANY_VERSION };
  }
}
