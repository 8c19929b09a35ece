import type { Node } from "../../backend/operations.js";
import { ConclaveError, type ErrorCode } from "../../errors.js";
import type { Keeper } from "../../internal/keeper.js";
import { pause } from "../../internal/pause.js";
import type { NodeClient } from "../../node-client.js";
import type { Data } from "../../node-writer.js";

/** One node that is read, judged and written. */
export interface Target {
  readonly keeper: Keeper;
  readonly nodes: NodeClient;
  readonly path: string;
}

/** What to write, made from what was read; `undefined` to leave it as it is. */
export type Change = (node: Node | undefined) => Data | undefined | Promise<Data | undefined>;

/** Refusals that say that somebody else wrote between our read and our write. */
const overtaken: readonly ErrorCode[] = ["BAD_VERSION", "NODE_EXISTS", "NO_NODE"];

const longestPauseMs = 1_000;

/**
 * Compare-and-swap: reads the node, linearizably, asks `change` what to make of it, and writes that if nobody else has written
 * meanwhile; otherwise again from the start. Returns the version written, or `undefined` when `change` wanted nothing written.
 * A write of which the reply was lost rejects with outcome `"unknown"` and is not repeated (OUT-1).
 *
 * Somebody's write always succeeds, and who was overtaken holds back for a random time in a window that is as long as the writes
 * that overtook it took. The window is as long for the tenth attempt as for the first: one that grew would put those who have
 * waited longest behind whoever comes new.
 */
export async function swap(
  { keeper, nodes, path }: Target,
  change: Change,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const { clock } = keeper;
  let before: Attempt | undefined;
  for (;;) {
    const startedAtMs = clock.now();
    const node = await nodes.get(path, { linearizable: true, signal });
    const data = await change(node);
    if (data === undefined) return undefined;
    try {
      if (node !== undefined)
        return (await nodes.set(path, data, { ifVersion: node.version, signal })).version;
      await nodes.create(path, data, { parents: true, signal });
      return 0;
    } catch (error) {
      if (!overtaken.some((code) => ConclaveError.is(error, code))) throw error;
    }
    const tookMs = Math.max(1, clock.now() - startedAtMs);
    const attempt = { startedAtMs, tookMs, version: node?.version ?? 0 };
    const windowMs = tookMs * (before === undefined ? 1 : writesDuring(before, attempt));
    before = attempt;
    await pause(clock, Math.min(longestPauseMs, windowMs) * Math.random(), signal, keeper.signal);
  }
}

interface Attempt {
  readonly startedAtMs: number;
  readonly tookMs: number;
  readonly version: number;
}

/** How many others wrote in the time of an attempt, as far as that shows from how many did between the beginnings of two. */
function writesDuring(before: Attempt, after: Attempt): number {
  const betweenMs = Math.max(1, after.startedAtMs - before.startedAtMs);
  return Math.max(1, ((after.version - before.version) * before.tookMs) / betweenMs);
}

/** Writes a node whatever is there, and makes it, with its ancestors, when it is missing. Returns the version written. */
export async function put(
  nodes: NodeClient,
  path: string,
  data: Data,
  signal: AbortSignal | undefined,
): Promise<number> {
  for (;;) {
    try {
      return (await nodes.set(path, data, { signal })).version;
    } catch (error) {
      if (!ConclaveError.is(error, "NO_NODE")) throw error;
    }
    try {
      await nodes.create(path, data, { parents: true, signal });
      return 0;
    } catch (error) {
      if (!ConclaveError.is(error, "NODE_EXISTS")) throw error;
    }
  }
}
