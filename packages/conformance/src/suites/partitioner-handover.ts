import assert from "node:assert/strict";
import { ConclaveError, type Partition } from "@conclave/api";
import { rejects } from "../expect.js";
import type { KitClient } from "../kit.js";
import { suite } from "../suite.js";
import {
  clients,
  Ledger,
  type Member,
  member,
  names,
  partitions,
  path,
  settled,
  shared,
  untilAborted,
} from "./partitions.js";
import { childrenAre, range, soonMs, text } from "./support.js";

export const partitionerHandover = suite("partitions that change hands", (test) => {
  test(
    "PART-3",
    "the next owner begins when the work of the former has settled, which writes until then",
    async (kit) => {
      const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
      const ledger = new Ledger();
      let finish = () => {};
      const finishing = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const winding = new Set<number>();
      const wind = async (partition: Partition) => {
        winding.add(partition.index);
        assert.ok(ConclaveError.is(partition.signal.reason, "NOT_HELD"));
        assert.ok(partition.isHeld);
        await partition.create(`/checkpoint-${partition.index}`);
        await finishing;
        await partition.set(`/checkpoint-${partition.index}`, "last");
      };
      const first = member(a, { partitions, id: "a", ledger, wind });
      await settled(kit, [first], partitions);
      const second = member(b, { partitions, id: "b", ledger });
      await kit.until("they are let go", soonMs(kit), () => winding.size > 0);
      // The next owner stands in line, and waits.
      const [index] = [...winding] as [number];
      await childrenAre(kit, b, `${path}/partitions/${index}`, 2);
      assert.deepEqual([...second.partitioner.owned], []);
      assert.equal(first.partitioner.owned.length, partitions);
      finish();
      await shared(kit, [first, second], partitions);
      for (const moved of winding) {
        assert.equal(text(await b.coordinator.get(`/checkpoint-${moved}`, { linearizable: true })), "last");
      }
      assert.deepEqual(
        [...second.partitioner.owned],
        [...winding].sort((x, y) => x - y),
      );
    },
  );

  test("PART-3", "work that ends early keeps its partition, and lets it go when it must", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const stop = new AbortController();
    const lazy = a.coordinator.partitioner(path, { partitions, id: "a" });
    let begun = 0;
    const running = lazy.run(
      () => {
        begun += 1;
      },
      { signal: stop.signal },
    );
    const ended = rejects(running, "ABORTED");
    await kit.until("it owns all", soonMs(kit), () => lazy.owned.length === partitions);
    const other = member(b, { partitions, id: "b" });
    await kit.until("the other has its share", soonMs(kit), () => {
      return other.held.size > 0 && other.held.size + lazy.owned.length === partitions;
    });
    assert.equal(begun, partitions, "work began again though its partition stayed");
    stop.abort();
    await ended;
    await settled(kit, [other], partitions);
  });

  test(
    "PART-4",
    "the signal aborts when the owner's node is deleted from outside, and somebody owns it again",
    async (kit) => {
      const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
      const one = member(a, { partitions: 1 });
      await settled(kit, [one], 1);
      const [partition] = one.held.values();
      assert.ok(partition);
      await b.coordinator.delete(partition.path);
      await kit.within("the signal", soonMs(kit), untilAborted(partition.signal));
      assert.equal(partition.isHeld, false);
      await settled(kit, [one], 1);
      const [again] = one.held.values();
      assert.ok(again && again.token > partition.token);
    },
  );

  test("PART-5", "only what a member gains by coming, or had when it goes, changes hands", async (kit) => {
    const all = await clients(kit, 4);
    const ledger = new Ledger();
    const join = (index: number) =>
      member(all[index] as KitClient, { partitions, id: names[index] ?? "", ledger });
    const members = [join(0)];
    let owners = await settled(kit, members, partitions);
    for (const index of [1, 2, 3]) {
      const before = range(partitions).map((partition) => ledger.timesBegun(partition));
      const newcomer = join(index);
      members.push(newcomer);
      const after = await shared(kit, members, partitions);
      await moved(owners, after, names[index] ?? "", before);
      owners = after;
    }
    for (const index of [1, 0]) {
      const before = range(partitions).map((partition) => ledger.timesBegun(partition));
      const [leaver] = members.splice(index, 1) as [Member];
      await leaver.leave();
      const after = await settled(kit, members, partitions);
      await moved(after, owners, leaver.partitioner.id, before);
      owners = after;
    }

    /** From one state of ownership to the other, only partitions of `changing`, who is there in the second alone, differ. */
    async function moved(
      without: readonly string[],
      having: readonly string[],
      changing: string,
      before: readonly number[],
    ): Promise<void> {
      for (const partition of range(partitions)) {
        const isChanging = having[partition] === changing;
        if (!isChanging) assert.equal(without[partition], having[partition], `partition ${partition} moved`);
        const begun = ledger.timesBegun(partition) - (before[partition] ?? 0);
        assert.equal(begun, isChanging ? 1 : 0, `work on partition ${partition} began ${begun} times`);
      }
    }
  });

  test("PART-6", "an id that is taken is waited for", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const first = member(a, { partitions, id: "same" });
    await settled(kit, [first], partitions);
    const second = member(b, { partitions, id: "same" });
    const third = member(b, { partitions, id: "other" });
    await shared(kit, [first, third], partitions);
    assert.deepEqual([...second.partitioner.owned], []);
    // It does not even stand in line.
    for (const index of range(partitions)) await childrenAre(kit, b, `${path}/partitions/${index}`, 1);
    await first.leave();
    await shared(kit, [second, third], partitions);
  });

  test("PART-6", "an id that is taken is waited for in one process as well", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const ledger = new Ledger();
    const first = member(a, { partitions, id: "same", ledger });
    await settled(kit, [first], partitions);
    const second = member(a, { partitions, id: "same", ledger });
    // Whoever took part after it has been seen by all.
    const third = member(b, { partitions, id: "other", ledger });
    await shared(kit, [first, third], partitions);
    await third.leave();
    await settled(kit, [first], partitions);
    for (const index of range(partitions)) await childrenAre(kit, b, `${path}/partitions/${index}`, 1);
    await second.leave();
    const begun = ledger.begun.length;
    const next = member(a, { partitions, id: "same", ledger });
    await childrenAre(kit, b, `${path}/members`, 1);
    await first.leave();
    await settled(kit, [next], partitions);
    assert.equal(ledger.begun.length, begun + partitions, "who does not take part made others begin again");
  });

  test("PART-6", "a member whose node was deleted from outside joins again", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const one = member(a, { partitions, id: "a" });
    await settled(kit, [one], partitions);
    const partition = one.held.get(0);
    assert.ok(partition);
    await b.coordinator.delete(`${path}/members/a`);
    await kit.within("the signal", soonMs(kit), untilAborted(partition.signal));
    await settled(kit, [one], partitions);
  });
});
