import { ConnectionError, ZooKeeperError } from "./errors.js";
import type { WatchEvent } from "./events.js";
import { pathProblem, sequentialPathProblem } from "./paths.js";

/** The part of the tree that a client sees as the whole of it. */
export class Chroot {
  readonly #prefix: string;

  constructor(path: string) {
    this.#prefix = path === "/" ? "" : path;
  }

  /** Whether it is the whole tree. */
  get isRoot(): boolean {
    return this.#prefix === "";
  }

  /** Only for a path without a problem: any other could lead out of it. */
  toServer(path: string): string {
    if (this.#prefix === "") return path;
    return path === "/" ? this.#prefix : this.#prefix + path;
  }

  /** Of a sequential node, whose name the server completes. */
  toServerSequential(path: string): string {
    return this.#prefix + path;
  }

  /** Whether a path of the server's is in it. */
  holds(path: string): boolean {
    return path === this.#prefix || path.startsWith(`${this.#prefix}/`);
  }

  fromServer(path: string): string {
    if (this.#prefix === "") return path;
    if (path === this.#prefix) return "/";
    return this.holds(path) ? path.slice(this.#prefix.length) : path;
  }

  /** The operation with the server's path. One whose path can't be right stays as it is, to be refused. */
  operation<T extends { readonly path: string }>(operation: T): T {
    if (this.isRoot) return operation;
    const { path } = operation;
    const sequential = "sequential" in operation && operation.sequential === true;
    const problem = sequential ? sequentialPathProblem(path) : pathProblem(path);
    if (problem !== undefined) return operation;
    return { ...operation, path: sequential ? this.toServerSequential(path) : this.toServer(path) };
  }

  event(event: WatchEvent): WatchEvent {
    return this.isRoot ? event : { ...event, path: this.fromServer(event.path) };
  }

  /** The error with the path as the caller knows it. */
  error(error: unknown): unknown {
    if (error instanceof ZooKeeperError && error.path !== undefined) {
      return new ZooKeeperError(error.number, this.fromServer(error.path), error.operation);
    }
    if (error instanceof ConnectionError && error.path !== undefined) {
      const { code, message, outcome, cause } = error;
      return new ConnectionError(code, message, { outcome, cause, path: this.fromServer(error.path) });
    }
    return error;
  }
}
