import type { Child } from "@conclave/api/backend";
import type { Connection } from "./driver.js";
import { toChild } from "./paths.js";
import { ChildrenWatch, MAX_ROUNDS } from "./watch-children.js";

/** Follows the names of the children of one node. A change costs a request, so that no transaction is seen by halves. */
export class ChildNamesWatch extends ChildrenWatch<Child> {
  /** As reported. */
  readonly #names = new Set<string>();
  /** To be reported: whether they are there. */
  readonly #news = new Map<string, boolean>();

  protected clear(): void {
    this.#names.clear();
    this.#news.clear();
  }

  protected listed(names: ReadonlySet<string>): void {
    if (this.reported === "children") {
      for (const name of this.#names) {
        if (!names.has(name)) this.happened(name, false);
      }
      for (const name of names) this.happened(name, true);
      return;
    }
    this.reported = "children";
    for (const name of names) this.#names.add(name);
    this.sink.snapshot([...names].map(toChild));
  }

  protected happened(name: string, isThere: boolean): void {
    if (this.#names.has(name) === isThere) this.#news.delete(name);
    else this.#news.set(name, isThere);
  }

  protected async update(connection: Connection): Promise<void> {
    if (this.#news.size === 0) return;
    // A listing is of one moment; events are of as many as arrived.
    for (let round = 1; this.watchesDirectory && round <= MAX_ROUNDS; round++) {
      await connection.exists(this.at, { watch: false });
      if (this.stopped || !this.catchUp()) break;
    }
    for (const [name, isThere] of [...this.#news]) {
      this.#news.delete(name);
      if (this.stopped) return;
      if (isThere) {
        this.#names.add(name);
        this.sink.changed(toChild(name));
      } else {
        this.#names.delete(name);
        this.sink.removed(name);
      }
    }
  }
}
