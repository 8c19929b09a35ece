import type { Child } from "@conclave/api/backend";
import { toChild } from "./paths.js";
import { ChildrenWatch } from "./watch-children.js";

/** Follows the names of the children of one node. */
export class ChildNamesWatch extends ChildrenWatch<Child> {
  readonly #names = new Set<string>();

  protected clear(): void {
    this.#names.clear();
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
    if (this.stopped || this.#names.has(name) === isThere) return;
    if (isThere) {
      this.#names.add(name);
      this.sink.changed(toChild(name));
    } else {
      this.#names.delete(name);
      this.sink.removed(name);
    }
  }

  protected async update(): Promise<void> {}
}
