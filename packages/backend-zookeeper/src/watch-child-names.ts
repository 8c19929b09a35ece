import type { ChildNamesSink } from "@conclave/api/backend";
import type { Connection } from "./driver.js";
import { toChild } from "./paths.js";
import { reactionTime, type WatchContext, WatchLoop } from "./watch-loop.js";

/** Follows the names of the children of one node. One change costs one listing. */
export class ChildNamesWatch extends WatchLoop {
  readonly #at: string;
  readonly #sink: ChildNamesSink;
  /** Names as last reported; `undefined` when the parent was missing or nothing has been reported since a gap. */
  #names: ReadonlySet<string> | undefined;
  #reportedMissing = false;

  constructor(context: WatchContext, path: string, at: string, sink: ChildNamesSink) {
    super(context, path, (error) => sink.failed(error));
    this.#at = at;
    this.#sink = sink;
    this.onStop(context.onFired("children", at, () => this.changed()));
    this.onStop(
      context.onFired("data", at, () => {
        // A watch for the parent's creation; while it exists, its data is not our business.
        if (this.#names === undefined) this.changed();
      }),
    );
  }

  protected forget(): void {
    this.#names = undefined;
    this.#reportedMissing = false;
  }

  protected async read(connection: Connection): Promise<void> {
    const names = await connection.children(this.#at, { watch: true });
    if (this.stopped) return;
    if (names !== undefined) {
      this.#report(names);
      return;
    }
    this.#names = undefined;
    if (!this.#reportedMissing) {
      this.#reportedMissing = true;
      this.#sink.snapshot(undefined);
    }
    await reactionTime();
    if (this.stopped) return;
    const stat = await connection.exists(this.#at, { watch: true });
    if (stat !== undefined) this.changed();
  }

  #report(names: readonly string[]): void {
    const before = this.#names;
    const now = new Set(names);
    this.#names = now;
    this.#reportedMissing = false;
    if (before === undefined) {
      this.#sink.snapshot(names.map(toChild));
      return;
    }
    for (const name of before) {
      if (!now.has(name) && !this.stopped) this.#sink.removed(name);
    }
    for (const name of now) {
      if (!before.has(name) && !this.stopped) this.#sink.changed(toChild(name));
    }
  }
}
