import assert from "node:assert/strict";
import type { Coordinator, WaitOptions } from "@conclave/api";
import type { Clause } from "../clauses.js";
import type { Kit, KitClient } from "../kit.js";
import { range, soonMs } from "./support.js";

/** One of those that are kept. */
export interface KeptEntry {
  /** In which it stands; `undefined` while it does not. */
  readonly sessionId: string | undefined;
  update(value: number): Promise<void>;
  withdraw(): Promise<void>;
}

export interface KeptView {
  readonly stale: boolean;
  /** As `Kept.text`. */
  readonly shown: string;
  waitFor(count: number): Promise<unknown>;
}

/** Something that stands in the store across sessions until it is withdrawn, whatever the recipe calls it. */
export interface Kept {
  /** As titles name it: `"registration"`. */
  readonly what: string;
  readonly clauses: { readonly comesBack: Clause; readonly converges: Clause; readonly starts: Clause };
  enter(coordinator: Coordinator, id: string, value: number, options?: WaitOptions): Promise<KeptEntry>;
  view(coordinator: Coordinator): Promise<KeptView>;
  /** All that stand, as the store has them, as `text`. */
  standing(coordinator: Coordinator): Promise<string>;
  /** Those who entered in this order, as `id:value`, in the order in which they are listed. */
  text(entries: readonly { readonly id: string; readonly value: number }[]): string;
  /** Where one stands. */
  path(id: string): string;
}

/** Waits until the entry stands in another session than `before`. */
export async function isBack(kit: Kit, entry: KeptEntry, before: string | undefined): Promise<void> {
  await kit.until("it stands in the next session", soonMs(kit), () => {
    return entry.sessionId !== undefined && entry.sessionId !== before;
  });
}

/** Waits until the view shows exactly these. */
export async function shows(kit: Kit, view: KeptView, expected: string): Promise<void> {
  await kit
    .until(`the view shows "${expected}"`, soonMs(kit), () => view.shown === expected)
    .catch((error: Error) => {
      throw new Error(`${error.message}; it shows "${view.shown}"`);
    });
}

/** Asserts that nothing stands once old sessions are over, and that it stays so. */
export async function staysAway(kit: Kit, kept: Kept, { coordinator }: KitClient): Promise<void> {
  await kit.until("none stands", soonMs(kit), async () => (await kept.standing(coordinator)) === "");
  for (const _ of range(4)) {
    await kit.sleep(kit.target.sessionTimeoutMs / 2);
    assert.equal(await kept.standing(coordinator), "", `a withdrawn ${kept.what} came back`);
  }
}

/** Those who come back do so in any order. */
export function sorted(text: string): string {
  return text.split(" ").sort().join(" ");
}
