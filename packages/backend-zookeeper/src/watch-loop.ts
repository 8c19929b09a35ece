import { ConclaveError } from "@conclave/api/backend";
import type { Connection, DirectoryEvent, WatchKind } from "./driver.js";
import { toConclaveError } from "./errors.js";

/** What a watch needs of its session. */
export interface WatchContext {
  /** The connection, now; throws while there is none. */
  require(path: string): Connection;
  /** Calls `run` whenever a native watch of this kind fires at this path of the store. Returns how to stop that. */
  onFired(kind: WatchKind, storePath: string, run: () => void): () => void;
  /** Calls `run` with whatever a watch on this directory of the store reports. Returns how to stop that. */
  onHappened(storePath: string, run: (event: DirectoryEvent) => void): () => void;
  /** Has such a watch stand. Resolves with `false` where there are none. */
  watchDirectory(connection: Connection, storePath: string): Promise<boolean> | false;
}

/**
 * Reads whenever something may have changed: one read at a time, at most one more pending, so that a burst of changes
 * costs few reads and no older state can follow a newer one.
 */
export abstract class WatchLoop {
  protected readonly context: WatchContext;
  readonly #path: string;
  readonly #failed: (error: Error) => void;
  readonly #cleanups: (() => void)[] = [];
  #dirty = false;
  #running = false;
  #stopped = false;

  constructor(context: WatchContext, path: string, failed: (error: Error) => void) {
    this.context = context;
    this.#path = path;
    this.#failed = failed;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Something may have changed. */
  changed(): void {
    this.#dirty = true;
    if (!this.#running) void this.#run();
  }

  /** At the start and on each new connection: what was known may be outdated and no native watch stands. */
  restart(): void {
    this.forget();
    this.changed();
  }

  stop(): void {
    this.#stopped = true;
    // A read under way may yet set a native watch: until then this one counts among its users.
    if (!this.#running) this.#cleanUp();
  }

  onStop(cleanup: () => void): void {
    this.#cleanups.push(cleanup);
  }

  /** The next report has to be a whole one. */
  protected abstract forget(): void;

  /** Reads, setting native watches, and reports. */
  protected abstract read(connection: Connection): Promise<void>;

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#dirty && !this.#stopped) {
      this.#dirty = false;
      try {
        await this.read(this.context.require(this.#path));
      } catch (error) {
        // When contact is lost there will be a restart on the next connection, and none when the session is lost.
        const failure = toConclaveError(error, this.#path);
        if (!this.#stopped && !isOver(failure)) {
          this.stop();
          this.#failed(failure);
        }
      }
    }
    this.#running = false;
    if (this.#stopped) this.#cleanUp();
  }

  #cleanUp(): void {
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
  }
}

/**
 * Lets the receiver of a report act on it, before a watch is set that could not be taken back: many stop watching a
 * node as soon as they hear that it is missing.
 */
export function reactionTime(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isOver(error: unknown): boolean {
  return (
    ConclaveError.is(error, "CONNECTION_LOST") ||
    ConclaveError.is(error, "SESSION_LOST") ||
    ConclaveError.is(error, "CLOSED")
  );
}
