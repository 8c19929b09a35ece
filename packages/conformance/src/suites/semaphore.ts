import assert from "node:assert/strict";
import type { Permit, Semaphore } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { type Define, suite } from "../suite.js";
import { exclusiveCases } from "./exclusive.js";
import { childrenAre, loseSession, range, soonMs, steady } from "./support.js";

const path = "/l";

function of({ coordinator }: KitClient, permits: number): Semaphore {
  return coordinator.semaphore(path, { permits });
}

function clients(kit: Kit, count: number): Promise<readonly KitClient[]> {
  return Promise.all(range(count).map(() => kit.client(steady(kit))));
}

interface Waiting {
  readonly turn: Promise<Permit>;
  hasCome(): boolean;
}

/** Joins as the `place`th in the line, and has been seen to. */
async function joinAt(kit: Kit, client: KitClient, permits: number, place: number): Promise<Waiting> {
  let come = false;
  const turn = of(client, permits).acquire();
  turn.then(
    () => {
      come = true;
    },
    () => {},
  );
  await childrenAre(kit, client, path, place);
  return { turn, hasCome: () => come };
}

function counting(test: Define): void {
  test("SEM-1", "as many hold as there are permits, and never more", async (kit) => {
    const all = await clients(kit, 3);
    const permits = 2;
    let holding = 0;
    let most = 0;
    const cycle = async (client: KitClient) => {
      for (const _ of range(4)) {
        await of(client, permits).withPermit(async () => {
          holding += 1;
          most = Math.max(most, holding);
          await client.coordinator.get("/");
          await client.coordinator.get("/");
          holding -= 1;
        });
      }
    };
    await Promise.all([...all, ...all].map(cycle));
    assert.equal(most, permits);
    await childrenAre(kit, all[0] as KitClient, path, 0);
  });

  test("SEM-1", "permits carry data, and tokens that tell them apart", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const first = await of(a, 2).acquire({ data: "one" });
    const second = await of(b, 2).acquire({ data: "two" });
    assert.ok(second.token > first.token);
    const contenders = await of(a, 2).contenders();
    assert.deepEqual(
      contenders.map(({ data, token }) => [new TextDecoder().decode(data), token]),
      [
        ["one", first.token],
        ["two", second.token],
      ],
    );
  });

  test("SEM-2", "whichever holder leaves, the first who waits is next", async (kit) => {
    const all = await clients(kit, 6);
    const holds: Permit[] = [];
    for (const client of all.slice(0, 3)) holds.push(await of(client, 3).acquire());
    const waiting: Waiting[] = [];
    for (const [index, client] of all.slice(3).entries()) {
      waiting.push(await joinAt(kit, client, 3, 4 + index));
    }
    for (const [index, leaver] of [1, 2, 0].entries()) {
      await holds[leaver]?.release();
      await kit.within(`turn ${index}`, soonMs(kit), (waiting[index] as Waiting).turn);
      assert.deepEqual(
        waiting.map(({ hasCome }) => hasCome()),
        range(3).map((at) => at <= index),
      );
    }
  });

  test("SEM-2", "when several holders leave at once, as many who wait are next", async (kit) => {
    const all = await clients(kit, 6);
    const holds: Permit[] = [];
    for (const client of all.slice(0, 3)) holds.push(await of(client, 3).acquire());
    const waiting: Waiting[] = [];
    for (const [index, client] of all.slice(3).entries()) {
      waiting.push(await joinAt(kit, client, 3, 4 + index));
    }
    await Promise.all(holds.map((hold) => hold.release()));
    await kit.within("all turns", soonMs(kit), Promise.all(waiting.map(({ turn }) => turn)));
  });

  test("SEM-3", "another number of permits is refused while somebody stands in the line", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const hold = await of(a, 2).acquire();
    await rejects(of(b, 5).acquire(), "INVALID_ARGUMENT", "not-applied");
    await rejects(of(b, 1).acquire(), "INVALID_ARGUMENT");
    await rejects(of(b, 5).tryAcquire(), "INVALID_ARGUMENT");
    await childrenAre(kit, a, path, 1);
    assert.ok(hold.isHeld);
    await hold.release();
    assert.ok((await of(b, 5).acquire()).isHeld, "the line was empty");
    await rejects(of(a, 2).acquire(), "INVALID_ARGUMENT");
  });

  test("SEM-3", "a number of permits that cannot be is refused at once", async (kit) => {
    const { coordinator } = await kit.client();
    for (const permits of [0, -1, 1.5, Number.NaN, 1_001, "3" as never, undefined as never]) {
      assert.throws(() => coordinator.semaphore(path, { permits }), { code: "INVALID_ARGUMENT" });
    }
    assert.throws(() => coordinator.semaphore(path, undefined as never), { code: "INVALID_ARGUMENT" });
    assert.throws(() => coordinator.semaphore(path, { permits: 1, permit: 2 } as never), {
      code: "INVALID_ARGUMENT",
    });
  });
}

function underFaults(test: Define): void {
  test(
    "LEAD-3",
    "who holds a permit learns of its loss before another has it",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const lost = await kit.client();
      const [b, c, d] = (await clients(kit, 3)) as [KitClient, KitClient, KitClient];
      await b.coordinator.create("/register", "0");
      const hold = await of(lost, 2).acquire();
      const other = await of(b, 2).acquire();
      const next = await joinAt(kit, c, 2, 3);
      const last = await joinAt(kit, d, 2, 4);
      await lost.link.refuse();
      await kit.within("the next turn", soonMs(kit), next.turn);
      assert.ok(!hold.isHeld && hold.signal.aborted);
      assert.equal(last.hasCome(), false);
      await lost.link.heal();
      await rejects(hold.set("/register", "late"), "SESSION_LOST", "not-applied");
      await other.release();
      await kit.within("the last turn", soonMs(kit), last.turn);
    },
  );

  test(
    "SEM-2",
    "who learns late that it stands, and then holds, is not waited for as one that waits",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const late = await kit.client(steady(kit));
      const [a, b, next] = (await clients(kit, 3)) as [KitClient, KitClient, KitClient];
      const first = await of(a, 2).acquire();
      const second = await of(b, 2).acquire();
      await late.link.blackHole("replies");
      const acquiring = of(late, 2).acquire();
      acquiring.catch(() => {});
      await childrenAre(kit, a, path, 3);
      await late.link.refuse();
      const behind = await joinAt(kit, next, 2, 4);
      await first.release();
      await late.link.heal();
      const permit = await kit.within("the permit of which the reply was lost", soonMs(kit), acquiring);
      await second.release();
      await kit.within(
        "the turn of the one behind, whose ticket `followed` was about",
        soonMs(kit),
        behind.turn,
      );
      assert.ok(permit.isHeld);
    },
  );

  test(
    "SEM-2",
    "those behind one who loses its session while it waits go on",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const lost = await kit.client();
      const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
      const hold = await of(a, 1).acquire();
      const first = await joinAt(kit, lost, 1, 2);
      const second = await joinAt(kit, b, 1, 3);
      await loseSession(kit, lost);
      await rejects(kit.within("the wait ends", soonMs(kit), first.turn), "SESSION_LOST");
      await childrenAre(kit, a, path, 2);
      assert.equal(second.hasCome(), false);
      await hold.release();
      assert.ok((await kit.within("the second's turn", soonMs(kit), second.turn)).isHeld);
    },
  );
}

export const semaphore = suite("semaphore", (test) => {
  exclusiveCases(test, {
    what: "semaphore of one permit",
    of: (coordinator) => coordinator.semaphore(path, { permits: 1 }),
    within: (coordinator, work) => coordinator.semaphore(path, { permits: 1 }).withPermit(work),
  });
  counting(test);
  underFaults(test);
});
