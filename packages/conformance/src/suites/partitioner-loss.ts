import assert from "node:assert/strict";
import { ConclaveError, type Partition } from "@conclave/api";
import { rejects } from "../expect.js";
import type { KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { Ledger, type Member, member, path, settled, shared, untilAborted } from "./partitions.js";
import { childrenAre, expireUnseen, loseSession, randomFrom, range, soonMs, steady } from "./support.js";

const partitions = 8;

export const partitionerLoss = suite("partitioner, session loss", (test) => {
  test(
    "PART-4",
    "the owner learns of its loss before anybody else owns",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(), await kit.client(steady(kit))];
      const ledger = new Ledger();
      const one = member(a, { partitions, id: "a", ledger });
      await settled(kit, [one], partitions);
      const other = member(b, { partitions, id: "b", ledger });
      await shared(kit, [one, other], partitions);
      const lost = [...one.held.values()];
      await a.link.refuse();
      // Two members at work on one partition at once fail the ledger, in the run of the second.
      await settled(kit, [other], partitions);
      for (const partition of lost) {
        assert.ok(!partition.isHeld && partition.signal.aborted);
        assert.ok(ConclaveError.is(partition.signal.reason, "SESSION_LOST"));
        await rejects(partition.create("/late"), "SESSION_LOST", "not-applied");
      }
      assert.deepEqual([...one.partitioner.owned], []);
      await a.link.heal();
      await shared(kit, [one, other], partitions);
      assert.deepEqual(
        [...one.partitioner.owned],
        lost.map(({ index }) => index).sort((x, y) => x - y),
        "PART-6",
      );
    },
  );

  test(
    "PART-6",
    "a member that lost its session joins again, once the work of the lost one has settled",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const a = await kit.client();
      let finish = () => {};
      const finishing = new Promise<void>((resolve) => {
        finish = resolve;
      });
      let begun = 0;
      const wind = async (partition: Partition) => {
        begun += 1;
        if (begun <= partitions) await finishing;
        assert.equal(partition.isHeld, false);
      };
      const one = member(a, { partitions, id: "a", wind });
      await settled(kit, [one], partitions);
      const lost = [...one.held.values()];
      await loseSession(kit, a);
      const observer = await kit.client(steady(kit));
      await childrenAre(kit, observer, `${path}/members`, 1);
      assert.deepEqual([...one.partitioner.owned], []);
      assert.deepEqual([...one.held.values()], lost);
      finish();
      await settled(kit, [one], partitions);
      for (const partition of lost) assert.ok((one.held.get(partition.index)?.token ?? 0n) > partition.token);
    },
  );

  test(
    "PART-1",
    "who lost its session at the store writes nothing when it comes back",
    { needs: ["link", "expireSession"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      await b.coordinator.create("/register", "0");
      const one = member(a, { partitions: 1, id: "a" });
      await settled(kit, [one], 1);
      const [stale] = one.held.values();
      assert.ok(stale);
      await expireUnseen(kit, a);
      const other = member(b, { partitions: 1, id: "b" });
      await kit.until("the other owns it", soonMs(kit), () => other.partitioner.owned.length === 1);
      const late = stale.set("/register", "late");
      const refusal = rejects(late, ["SESSION_LOST", "NOT_HELD"]);
      refusal.catch(() => {});
      await a.link.heal();
      await kit.within("the refusal", soonMs(kit), refusal);
      await kit.within("the signal", soonMs(kit), untilAborted(stale.signal));
      assert.equal((await b.coordinator.get("/register", { linearizable: true }))?.version, 0);
      await settled(kit, [one, other], 1);
    },
  );

  test(
    "PART-2",
    "the partition of a process that is killed is taken over",
    { needs: ["process"], timeouts: 20 },
    async (kit) => {
      const b = await kit.client(steady(kit));
      const process = await kit.process();
      const reply = await process.run({ type: "hold", kind: "partition", path });
      assert.equal(reply.error, undefined);
      await process.kill();
      const other = member(b, { partitions: 1, id: "other" });
      await settled(kit, [other], 1);
      assert.ok((other.held.get(0)?.token ?? 0n) > BigInt(reply.token ?? 0));
    },
  );

  test(
    "PART-2",
    "whatever becomes of the members, those that live own every partition in the end",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const random = randomFrom(7);
      const ledger = new Ledger();
      const clients = await Promise.all(range(3).map(() => kit.client()));
      const join = (index: number) =>
        member(clients[index] as KitClient, { partitions, id: `${index}`, ledger });
      const members = new Map<number, Member>(range(3).map((index) => [index, join(index)]));
      for (const _ of range(8)) {
        const index = Math.floor(random() * 3);
        const client = clients[index] as KitClient;
        const what = random();
        const one = members.get(index);
        if (what < 0.3) await client.link.cut();
        else if (what < 0.6) await (await client.coordinator.session()).close();
        else if (one && members.size > 1) {
          members.delete(index);
          await one.leave();
        } else if (!one) members.set(index, join(index));
        await kit.sleep(random() * 50);
      }
      const live = [...members.values()];
      await settled(kit, live, partitions);
      // All agree: nobody stands in a line behind its owner.
      for (const index of range(partitions)) {
        await childrenAre(kit, clients[0] as KitClient, `${path}/partitions/${index}`, 1);
      }
      await settled(kit, live, partitions);
    },
  );
});
