import assert from "node:assert/strict";
import { ConclaveError, type Partition, type Partitioner, type PartitionerOptions } from "@conclave/api";
import type { Kit, KitClient } from "../kit.js";
import { soonMs } from "./support.js";

export const path = "/p";

/** What all members of a test did with the partitions, in one process and so on one clock. */
export class Ledger {
  /** Who works on each partition now, by index. */
  readonly working = new Map<number, string>();
  /** Each beginning of work, in order. */
  readonly begun: { readonly index: number; readonly member: string; readonly token: bigint }[] = [];

  begin({ index, token }: Partition, member: string): void {
    assert.equal(this.working.get(index), undefined, `two members work on partition ${index}`);
    for (const earlier of this.begun) {
      if (earlier.index === index) assert.ok(token > earlier.token, "tokens grow from owner to owner");
    }
    this.working.set(index, member);
    this.begun.push({ index, member, token });
  }

  end({ index }: Partition): void {
    this.working.delete(index);
  }

  /** How often work began on a partition. */
  timesBegun(index: number): number {
    return this.begun.filter((begun) => begun.index === index).length;
  }
}

export interface Member {
  readonly partitioner: Partitioner;
  /** The partitions that it works on now, by index. */
  readonly held: ReadonlyMap<number, Partition>;
  /** What the run failed with, if it did. */
  failure(): unknown;
  /** Takes part no more; resolves when its work has settled. */
  leave(): Promise<void>;
}

export interface MemberOptions extends PartitionerOptions {
  readonly ledger?: Ledger;
  /** What the work still does after it was told to end. */
  readonly wind?: (partition: Partition) => Promise<void>;
}

/** A member with work that ends when its partition has to go. */
export function member({ coordinator }: KitClient, options: MemberOptions): Member {
  const { ledger = new Ledger(), wind = async () => {}, ...rest } = options;
  const partitioner = coordinator.partitioner(path, rest);
  const stop = new AbortController();
  const held = new Map<number, Partition>();
  let failure: unknown;
  const work = async (partition: Partition) => {
    assert.ok(!held.has(partition.index), "work runs twice at once");
    held.set(partition.index, partition);
    ledger.begin(partition, partitioner.id);
    await untilAborted(partition.signal);
    await wind(partition);
    ledger.end(partition);
    held.delete(partition.index);
  };
  const running = partitioner.run(work, { signal: stop.signal }).catch((error: unknown) => {
    failure = error;
  });
  const leave = async () => {
    stop.abort();
    await running;
    if (!ConclaveError.is(failure, "ABORTED")) throw failure;
  };
  return { partitioner, held, failure: () => failure, leave };
}

/** Waits until each partition has one owner among the members, which is the one that works on it; returns whose each is. */
export async function settled(
  kit: Kit,
  members: readonly Member[],
  partitions: number,
): Promise<readonly string[]> {
  let seen = "";
  const owners = () => {
    const found = new Array<string>(partitions).fill("");
    let owned = 0;
    for (const { partitioner, held, failure } of members) {
      if (failure() !== undefined) throw failure();
      owned += partitioner.owned.length;
      for (const index of partitioner.owned) if (held.has(index)) found[index] = partitioner.id;
    }
    seen = found.join(" ");
    return owned === partitions && found.every((id) => id !== "") && found;
  };
  return kit.until("every partition has its owner", soonMs(kit), owners).catch((error: Error) => {
    throw new Error(`${error.message}; the owners are: ${seen}`, { cause: error });
  });
}

/** As `settled`, once every member has its share of at least one. */
export async function shared(
  kit: Kit,
  members: readonly Member[],
  partitions: number,
): Promise<readonly string[]> {
  await kit.until("every member owns some", soonMs(kit), () => members.every(({ held }) => held.size > 0));
  return settled(kit, members, partitions);
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
