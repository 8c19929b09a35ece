import { firstOf } from "./first-of.js";
import type { LiveSession } from "./live-session.js";

/** A node, and what is waited for there: by the revision of its last change, `undefined` while there is none. */
export interface Awaited {
  readonly path: string;
  readonly isOver: (modRevision: bigint | undefined) => boolean;
}

/**
 * Resolves when one of several nodes is as awaited. Rejects when the session ends, or with what `stops` rejects with: it attaches
 * what else ends the wait, and returns what detaches that.
 */
export function nodeChange(
  live: LiveSession,
  awaited: readonly Awaited[],
  stops: (reject: (reason: unknown) => void) => readonly (() => void)[],
): Promise<void> {
  return firstOf((resolve, reject) => {
    live.check();
    return [
      ...awaited.map(({ path, isOver }) =>
        live.watch(
          (backend) =>
            backend.watchNode(path, {
              state: (node) => {
                if (isOver(node?.modRevision)) resolve();
              },
              failed: reject,
            }),
          reject,
        ),
      ),
      ...stops(reject),
    ];
  });
}
