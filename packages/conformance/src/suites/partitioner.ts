import assert from "node:assert/strict";
import type { ConclaveError } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
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
import { childrenAre, follow, range, soonMs, text } from "./support.js";

/** Waits until a member has what it is to have. */
function owns(kit: Kit, { partitioner }: Member, expected: readonly number[]): Promise<unknown> {
  return kit.until(`${partitioner.id} owns ${expected}`, soonMs(kit), () => {
    return `${partitioner.owned}` === `${expected}`;
  });
}

export const partitioner = suite("partitioner", (test) => {
  test(
    "PART-1",
    "a partition has one owner at a time, with a growing token, while members come and go",
    async (kit) => {
      const all = await clients(kit, 4);
      const ledger = new Ledger();
      const join = (client: KitClient, index: number) =>
        member(client, { partitions, id: names[index] ?? "", ledger });
      for (const _ of range(2)) {
        const members = all.map(join);
        await shared(kit, members, partitions);
        const [a, b, c, d] = members as [Member, Member, Member, Member];
        await Promise.all([a.leave(), b.leave()]);
        await settled(kit, [c, d], partitions);
        await c.leave();
        await settled(kit, [d], partitions);
        await d.leave();
        assert.equal(ledger.working.size, 0);
      }
      for (const client of all) await childrenAre(kit, client, `${path}/members`, 0);
      for (const index of range(partitions))
        await childrenAre(kit, all[0] as KitClient, `${path}/partitions/${index}`, 0);
    },
  );

  test("PART-1", "what is written through a partition is refused once it has gone", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    await a.coordinator.create("/register", "0");
    const first = member(a, { partitions: 1 });
    await settled(kit, [first], 1);
    const [partition] = first.held.values();
    assert.ok(partition?.isHeld);
    assert.equal(partition.index, 0);
    await partition.set("/register", "1");
    await first.leave();
    await rejects(partition.set("/register", "2"), "NOT_HELD", "not-applied");
    const second = member(b, { partitions: 1 });
    await settled(kit, [second], 1);
    await rejects(partition.set("/register", "3"), "NOT_HELD", "not-applied");
    assert.equal(text(await b.session.get("/register", { linearizable: true })), "1");
  });

  test("PART-2", "all members name the same owners, whatever the order in which they came", async (kit) => {
    const all = await clients(kit, 3);
    const join = (order: readonly number[]) =>
      order.map((index) => member(all[index] as KitClient, { partitions, id: names[index] ?? "" }));
    const first = join([0, 1, 2]);
    const owners = await shared(kit, first, partitions);
    await Promise.all(first.map((one) => one.leave()));
    const again = join([2, 0, 1]);
    await shared(kit, again, partitions);
    // On the way there may be other owners.
    await kit.until("the same owners", soonMs(kit), async () => {
      return `${await settled(kit, again, partitions)}` === `${owners}`;
    });
  });

  test("PART-2", "what no session holds is no member, and owns nothing", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    for (const id of names) await b.coordinator.create(`${path}/members/${id}`, "", { parents: true });
    const one = member(a, { partitions, id: "one" });
    await settled(kit, [one], partitions);
    const view = await b.coordinator.group(`${path}/members`).view();
    assert.deepEqual(
      view.members.map(({ id, sessionId }) => [id, sessionId]),
      [["one", a.session.id]],
    );
  });

  test("PART-7", "members that mean another number of partitions are refused", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const right = member(a, { partitions: 3 });
    await settled(kit, [right], 3);
    const wrong = b.coordinator.partitioner(path, { partitions: 4 });
    const refusal = await rejects(
      wrong.run(() => {}),
      "INVALID_ARGUMENT",
    );
    assert.match(refusal.message, /3.*4/);
    await childrenAre(kit, b, `${path}/members`, 1);
    assert.deepEqual([...wrong.owned], []);
    await settled(kit, [right], 3);
  });

  test("PART-8", "a member that is told to stop settles its work, and leaves nothing behind", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const stop = new AbortController();
    const one = a.coordinator.partitioner(path, { partitions: 3, data: "10.0.0.7" });
    const reasons: unknown[] = [];
    let settledWorks = 0;
    const running = one.run(
      async (partition) => {
        await untilAborted(partition.signal);
        reasons.push((partition.signal.reason as ConclaveError).code);
        await partition.create(`/done-${partition.index}`);
        settledWorks += 1;
      },
      { signal: stop.signal },
    );
    const ended = rejects(running, "ABORTED").then(() => assert.equal(settledWorks, 3));
    const seen = follow(kit, one.watchOwned());
    await kit.until("it owns all", soonMs(kit), () => seen.last?.length === 3);
    const [contender] = await b.coordinator.lock(`${path}/partitions/0`).contenders();
    assert.equal(new TextDecoder().decode(contender?.data), "10.0.0.7");
    const [seenMember] = await b.coordinator.group(`${path}/members`).members();
    assert.deepEqual([seenMember?.id, new TextDecoder().decode(seenMember?.data)], [one.id, "10.0.0.7"]);
    await rejects(
      one.run(() => {}),
      "INVALID_ARGUMENT",
    );
    stop.abort();
    await kit.within("the end", soonMs(kit), ended);
    assert.deepEqual(reasons, ["ABORTED", "ABORTED", "ABORTED"]);
    await kit.until("it is seen to own nothing", soonMs(kit), () => seen.last?.length === 0);
    await childrenAre(kit, b, `${path}/members`, 0);
    for (const index of range(3)) await childrenAre(kit, b, `${path}/partitions/${index}`, 0);
    // It may take part again.
    const next = follow(kit, one.watchOwned());
    const again = rejects(
      one.run(() => {}),
      "CLOSED",
    );
    await kit.until("it owns all again", soonMs(kit), () => next.last?.length === 3);
    await a.coordinator.close();
    await again;
  });

  test("PART-8", "work that fails ends the run with its error, and the others take over", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const failure = new Error("the work failed");
    let others = 0;
    const failing = a.coordinator.partitioner(path, { partitions: 3 }).run(async ({ index, signal }) => {
      if (index === 1) throw failure;
      await untilAborted(signal);
      others += 1;
    });
    await assert.rejects(kit.within("the failure", soonMs(kit), failing), (error) => error === failure);
    assert.ok(others <= 2);
    const next = member(b, { partitions: 3 });
    await settled(kit, [next], 3);
    await childrenAre(kit, b, `${path}/members`, 1);
  });

  test(
    "OUT-3",
    "a member whose every first request is not answered owns all the same",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
      for (const lost of range(5)) {
        const one = member(a, { partitions: 1, id: `${lost}` });
        await a.link.dropNextReply();
        await settled(kit, [one], 1);
        await childrenAre(kit, b, `${path}/members`, 1);
        await childrenAre(kit, b, `${path}/partitions/0`, 1);
        await one.leave();
        await childrenAre(kit, b, `${path}/members`, 0);
      }
    },
  );

  test("OUT-1", "partitioners refuse what cannot be meant", async (kit) => {
    const [{ coordinator }] = (await clients(kit, 1)) as [KitClient];
    const made = async (options: unknown, at = path) =>
      coordinator.partitioner(at, options as { partitions: number });
    for (const count of [0, -1, 0.5, 10_001, Number.NaN, "1", null, undefined]) {
      await rejects(made({ partitions: count }), "INVALID_ARGUMENT");
    }
    for (const options of [null, undefined, 7, { partition: 1 }])
      await rejects(made(options), "INVALID_ARGUMENT");
    for (const id of ["", "a/b", "..", 7]) await rejects(made({ partitions: 1, id }), "INVALID_PATH");
    await rejects(made({ partitions: 1 }, `/${"x".repeat(980)}`), "INVALID_PATH");
    await rejects(coordinator.partitioner(path, { partitions: 1 }).run("work" as never), "INVALID_ARGUMENT");
    assert.equal(await coordinator.exists(path), false);
  });

  test(
    "PART-2",
    "one member owns everything, and as many members as partitions or more share them",
    async (kit) => {
      const all = await clients(kit, 3);
      const members = all.map((client, index) => member(client, { partitions: 2, id: names[index] ?? "" }));
      const owners = await settled(kit, members, 2);
      const idle = members.filter(({ partitioner: { id } }) => !owners.includes(id));
      assert.ok(idle.length >= 1);
      for (const one of idle) await owns(kit, one, []);
    },
  );
});
