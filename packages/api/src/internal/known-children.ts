import type { Child } from "../backend/operations.js";
import { isOlder, isSame } from "./children.js";

export interface KnownChildrenOptions<C extends Child, T> {
  /** What a child stands for; `undefined` for one that is not to be shown. */
  decode(child: C): T | undefined;
  /** Is told of one entry, before and after; `undefined` where it is not there. */
  changed(name: string, before: T | undefined, after: T | undefined): void;
}

/**
 * What is known of the children of a node, and what each stands for. A whole listing is compared with what was known, so that only
 * differences are told; an older state never replaces a newer one (WATCH-2).
 */
export class KnownChildren<C extends Child, T> {
  readonly #options: KnownChildrenOptions<C, T>;
  readonly #children = new Map<string, C>();
  readonly #values = new Map<string, T>();

  constructor(options: KnownChildrenOptions<C, T>) {
    this.#options = options;
  }

  get values(): ReadonlyMap<string, T> {
    return this.#values;
  }

  /** These are all that there are. */
  replace(children: readonly C[]): void {
    const gone = new Set(this.#children.keys());
    for (const child of children) {
      gone.delete(child.name);
      this.put(child);
    }
    for (const name of gone) this.drop(name);
  }

  /** Whether that changed anything. */
  put(child: C): boolean {
    const known = this.#children.get(child.name);
    if (known !== undefined && (isSame(child, known) || isOlder(child, known))) return false;
    this.#children.set(child.name, child);
    this.#change(child.name, this.#options.decode(child));
    return true;
  }

  /** Whether it was there. */
  drop(name: string): boolean {
    if (!this.#children.delete(name)) return false;
    this.#change(name, undefined);
    return true;
  }

  #change(name: string, after: T | undefined): void {
    const before = this.#values.get(name);
    if (before === undefined && after === undefined) return;
    if (after === undefined) this.#values.delete(name);
    else this.#values.set(name, after);
    this.#options.changed(name, before, after);
  }
}
