import type { WatchEvent } from "@conclave/zookeeper-client";
import type { ConnectionObserver, WatchKind } from "./driver.js";
import { parentOf } from "./paths.js";

/**
 * Which watches stand on one connection, and what an event of the server's is to them. It sends one event to a
 * connection, however many watches it is for.
 */
export class StandingWatches {
  readonly #observer: ConnectionObserver;
  readonly #oneShot = { data: new Set<string>(), children: new Set<string>() };
  /** Those asked for, too. */
  readonly #directories = new Map<string, Promise<boolean>>();

  constructor(observer: ConnectionObserver) {
    this.#observer = observer;
  }

  stands(kind: WatchKind, path: string): boolean {
    return this.#oneShot[kind].has(path);
  }

  set(kind: WatchKind, path: string): void {
    this.#oneShot[kind].add(path);
  }

  /** Returns whether it stood. */
  delete(kind: WatchKind, path: string): boolean {
    return this.#oneShot[kind].delete(path);
  }

  /** Ends a one-shot watch, if it stands, by a report. */
  fire(kind: WatchKind, path: string): void {
    if (this.delete(kind, path)) this.#observer.fired(kind, path);
  }

  directory(path: string): Promise<boolean> | undefined {
    return this.#directories.get(path);
  }

  setDirectory(path: string, watch: Promise<boolean>): void {
    this.#directories.set(path, watch);
  }

  /** With it goes what it stood in for, and what the server takes for the same watch: that has to be set again. */
  endDirectory(path: string, watch: Promise<boolean>): void {
    if (this.#directories.get(path) !== watch) return;
    this.#directories.delete(path);
    this.fire("data", path);
    this.fire("children", path);
  }

  event({ type, path }: WatchEvent): void {
    if (type !== "children") this.fire("data", path);
    if (type === "children" || type === "deleted") this.fire("children", path);
    if (type === "children" || this.#directories.size === 0) return;
    if (this.#directories.has(path)) this.#observer.happened(path, { type, name: undefined });
    if (path === "/") return;
    const parent = parentOf(path);
    if (!this.#directories.has(parent)) return;
    this.#observer.happened(parent, { type, name: path.slice(path.lastIndexOf("/") + 1) });
  }
}
