import type { Child, ChildrenSink } from "@conclave/api/backend";
import type { Connection, DirectoryEvent } from "./driver.js";
import { reactionTime, type WatchContext, WatchLoop } from "./watch-loop.js";

/**
 * So often what changed while it was looked at is looked at first, so that no transaction is seen by halves (TXN-2). Where something
 * changes in each of as many round trips, that is given up for being heard at all.
 */
export const MAX_ROUNDS = 10;

/**
 * Follows the children of one node. It begins with a listing. After that, where there are watches on directories, what
 * happened to which child is reported. Where there are only one-shot watches, which say no more than that the list has
 * changed, each change costs another listing.
 */
export abstract class ChildrenWatch<C extends Child> extends WatchLoop {
  protected readonly at: string;
  protected readonly sink: ChildrenSink<C>;
  protected reported: "nothing" | "missing" | "children" = "nothing";
  #watchesDirectory = false;
  #listingOutdated = true;
  /** By the latest listing the parent does not exist. What is heard of children after that is older. */
  #isMissing = false;
  /**
   * What has last happened to children since a listing was asked for: whether they are there. It is acted upon after the
   * listing, which may be older than that, or newer than all but the last of it.
   */
  readonly #happened = new Map<string, boolean>();

  constructor(context: WatchContext, path: string, at: string, sink: ChildrenSink<C>) {
    super(context, path, (error) => sink.failed(error));
    this.at = at;
    this.sink = sink;
    this.onStop(context.onHappened(at, (event) => this.#onHappened(event)));
    this.onStop(context.onFired("children", at, () => this.#listAgain()));
    this.onStop(
      context.onFired("data", at, () => {
        // A watch for the parent's creation; while it exists, its data is not our business.
        if (this.reported === "missing") this.#listAgain();
      }),
    );
  }

  /** Whether children that come, change and go are reported without one-shot watches on each. */
  protected get watchesDirectory(): boolean {
    return this.#watchesDirectory;
  }

  protected forget(): void {
    this.reported = "nothing";
    this.#listingOutdated = true;
    this.#happened.clear();
    this.clear();
  }

  protected async read(connection: Connection): Promise<void> {
    if (this.#listingOutdated) {
      this.#listingOutdated = false;
      const names = await this.#list(connection);
      if (this.stopped) return;
      if (names === undefined) {
        await this.#missing(connection);
        return;
      }
      this.#isMissing = false;
      this.listed(new Set(names));
    }
    if (this.#isMissing) return;
    this.catchUp();
    if (!this.stopped) await this.update(connection);
  }

  /**
   * Takes in what has happened by now, and tells whether anything had. All of a transaction has happened when a request that was sent
   * after part of it is answered and nothing more has come (TXN-2): what came behind the answer may be part of another one.
   */
  protected catchUp(): boolean {
    const anything = this.#happened.size > 0;
    for (const [name, isThere] of this.#happened) {
      this.#happened.delete(name);
      if (!this.stopped) this.happened(name, isThere);
    }
    return anything;
  }

  /** Whether the children have to be listed again. */
  protected get listingOutdated(): boolean {
    return this.#listingOutdated;
  }

  /** Forgets all children. */
  protected abstract clear(): void;
  /** These are all. */
  protected abstract listed(names: ReadonlySet<string>): void;
  /** A child was created or changed, or it was deleted. */
  protected abstract happened(name: string, isThere: boolean): void;
  /** Reads what has to be read, and reports, all at once what one transaction has done. */
  protected abstract update(connection: Connection): Promise<void>;

  async #list(connection: Connection): Promise<readonly string[] | undefined> {
    const watching = this.context.watchDirectory(connection, this.at);
    if (watching !== false) {
      const [watches, names] = await Promise.all([watching, connection.children(this.at, { watch: false })]);
      this.#watchesDirectory = watches;
      if (watches || this.stopped) return names;
    }
    this.#watchesDirectory = false;
    return connection.children(this.at, { watch: true });
  }

  async #missing(connection: Connection): Promise<void> {
    this.#isMissing = true;
    this.#happened.clear();
    this.clear();
    if (this.reported !== "missing") {
      this.reported = "missing";
      this.sink.snapshot(undefined);
    }
    if (this.#watchesDirectory) return;
    await reactionTime();
    if (this.stopped) return;
    const stat = await connection.exists(this.at, { watch: true });
    if (stat !== undefined) this.#listAgain();
  }

  #onHappened({ type, name }: DirectoryEvent): void {
    if (name !== undefined) {
      this.#happened.set(name, type !== "deleted");
      this.changed();
    } else if (type !== "changed") this.#listAgain();
  }

  #listAgain(): void {
    this.#listingOutdated = true;
    this.changed();
  }
}
