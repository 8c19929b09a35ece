import { OpCode } from "./codes.js";
import type { Outbox } from "./outbox.js";

/** Paths of the watches that shall stand again on a new connection. */
export interface StandingWatches {
  /** Of `getData`, and of `exists` where the node existed. */
  readonly data: readonly string[];
  /** Of `exists` where there was no node. */
  readonly exist: readonly string[];
  readonly child: readonly string[];
  readonly persistent: readonly string[];
  readonly recursive: readonly string[];
}

/** Servers refuse packets of more than 1 MB (`jute.maxbuffer`) unless told otherwise; Java's client stays below this. */
const BATCH_BYTES = 128 * 1024;
const HEADER_BYTES = 64;
const MAX_UTF8_BYTES_PER_UNIT = 3;

type Kind = keyof StandingWatches;
type Batch = Record<Kind, string[]>;

const kinds: readonly Kind[] = ["data", "exist", "child", "persistent", "recursive"];

/** Splits watches into requests that no server takes for too large. */
export function batchesOf(watches: StandingWatches, batchBytes = BATCH_BYTES): readonly StandingWatches[] {
  const batches: Batch[] = [];
  let batch: Batch | undefined;
  let bytes = 0;
  for (const kind of kinds) {
    for (const path of watches[kind]) {
      const size = 4 + path.length * MAX_UTF8_BYTES_PER_UNIT;
      if (batch === undefined || bytes + size > batchBytes) {
        batch = { data: [], exist: [], child: [], persistent: [], recursive: [] };
        batches.push(batch);
        bytes = HEADER_BYTES;
      }
      batch[kind].push(path);
      bytes += size;
    }
  }
  return batches;
}

/** Servers before 3.6 know only the request without persistent watches. */
export function setWatchesType({ persistent, recursive }: StandingWatches): number {
  return persistent.length + recursive.length === 0 ? OpCode.setWatches : OpCode.setWatches2;
}

export function writeSetWatches(out: Outbox, watches: StandingWatches, sinceZxid: bigint): void {
  out.int64(sinceZxid);
  out.strings(watches.data);
  out.strings(watches.exist);
  out.strings(watches.child);
  if (setWatchesType(watches) === OpCode.setWatches) return;
  out.strings(watches.persistent);
  out.strings(watches.recursive);
}
