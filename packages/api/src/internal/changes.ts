import type { ChildNode } from "../backend/operations.js";
import { aborted } from "./calls.js";
import { firstOf } from "./first-of.js";
import type { LiveChildren } from "./live-children.js";
import { onAbort } from "./on-abort.js";

/** What became of one entry of a view. */
export interface Change<T> {
  readonly type: "added" | "updated" | "removed";
  readonly id: string;
  /** As it is now; of one that was removed, as the reader last heard of it. */
  readonly value: T;
}

/**
 * What becomes of the entries of a view, one by one, beginning with all that are there.
 *
 * For each entry of which there is news it keeps what the reader was last told, and compares that with the present when it is
 * read: so a slow reader costs at most one item for each entry, and what it hears always fits what it heard before.
 */
export async function* changesOf<T>(
  live: LiveChildren<ChildNode, T>,
  signal: AbortSignal,
): AsyncGenerator<Change<T>, void, void> {
  const unread = new Map<string, T | undefined>();
  for (const name of live.values.keys()) unread.set(name, undefined);
  const stop = live.observe({
    changed(name, before, after) {
      if (!unread.has(name)) unread.set(name, before);
      else if (unread.get(name) === after) unread.delete(name);
    },
  });
  try {
    for (;;) {
      live.check();
      if (live.isOver) return;
      const [next] = unread;
      if (next === undefined) {
        await news(live, () => unread.size > 0, signal);
        continue;
      }
      const [id, told] = next;
      unread.delete(id);
      yield change(id, told, live.values.get(id));
    }
  } finally {
    stop();
  }
}

function change<T>(id: string, before: T | undefined, after: T | undefined): Change<T> {
  if (after !== undefined) return { type: before === undefined ? "added" : "updated", id, value: after };
  return { type: "removed", id, value: before as T };
}

/** Resolves when there is something to read, or nothing more will come; the caller looks which. */
function news(
  live: LiveChildren<ChildNode, unknown>,
  any: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  return firstOf((resolve, reject) => [
    onAbort(signal, () => reject(aborted(signal))),
    live.observe({
      reported: () => {
        if (any()) resolve();
      },
      ended: () => resolve(),
    }),
  ]);
}
