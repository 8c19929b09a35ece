import assert from "node:assert/strict";
import type { BarrierRound, WaitOptions } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { childrenAre, loseSession, range, soonMs, steady } from "./support.js";

const path = "/rounds";

function clients(kit: Kit, count: number): Promise<KitClient[]> {
  return Promise.all(range(count).map(() => kit.client(steady(kit))));
}

/** A call of which it is known at any time whether it is over. */
class Call<T> {
  settled = false;
  readonly promise: Promise<T>;

  constructor(promise: Promise<T>) {
    this.promise = promise;
    const settled = () => {
      this.settled = true;
    };
    promise.then(settled, settled);
  }
}

function enter({ coordinator }: KitClient, count: number, options?: WaitOptions): Call<BarrierRound> {
  return new Call(coordinator.doubleBarrier(path, { count }).enter(options));
}

/** Enters once all nodes that are expected stand: those of members, and that of a round if there was one. */
async function enterAs(
  kit: Kit,
  client: KitClient,
  count: number,
  nodes: number,
  options?: WaitOptions,
): Promise<Call<BarrierRound>> {
  const call = enter(client, count, options);
  await childrenAre(kit, client, path, nodes);
  return call;
}

async function all<T>(kit: Kit, what: string, calls: readonly Call<T>[]): Promise<T[]> {
  return kit.within(what, soonMs(kit), Promise.all(calls.map(({ promise }) => promise)));
}

function leave(round: BarrierRound): Call<void> {
  return new Call(round.leave());
}

export const doubleBarrier = suite("double barrier", (test) => {
  test("BAR-3", "nobody enters before enough have come, and then all do", async (kit) => {
    const members = await clients(kit, 3);
    const calls: Call<BarrierRound>[] = [];
    for (const [index, client] of members.slice(0, 2).entries()) {
      calls.push(await enterAs(kit, client, 3, index + 1));
    }
    await kit.sleep(kit.target.sessionTimeoutMs / 20);
    assert.deepEqual(
      calls.map(({ settled }) => settled),
      [false, false],
    );
    for (const client of members.slice(2)) calls.push(enter(client, 3));
    const rounds = await all(kit, "all enter", calls);
    assert.equal(new Set(rounds.map((round) => round.path)).size, 3);
    await all(kit, "all leave", rounds.map(leave));
    assert.deepEqual(await childrenAre(kit, members[0] as KitClient, path, 1), ["ready"]);
  });

  test("BAR-3", "one client may stand there several times, and alone where one is enough", async (kit) => {
    const [client] = await clients(kit, 1);
    if (!client) return;
    const rounds = await all(
      kit,
      "all enter",
      range(4).map(() => enter(client, 4)),
    );
    await all(kit, "all leave", rounds.map(leave));
    for (const _ of range(3)) {
      const [alone] = await all(kit, "it enters", [enter(client, 1)]);
      await kit.within("it leaves", soonMs(kit), alone?.leave() ?? Promise.reject());
    }
  });

  test("BAR-4", "rounds follow each other, and no member is ever in two", { timeouts: 20 }, async (kit) => {
    const members = await clients(kit, 3);
    let entered = 0;
    let left = 0;
    const cycle = async ({ coordinator }: KitClient) => {
      const barrier = coordinator.doubleBarrier(path, { count: 3 });
      for (const round of range(5)) {
        assert.equal(Math.floor(left / 3), round, "it came back before all of the former round had left");
        const mine = await barrier.enter();
        entered += 1;
        assert.equal(Math.floor((entered - 1) / 3), round);
        await coordinator.get("/");
        left += 1;
        await mine.leave();
        assert.ok(left >= 3 * (round + 1), "leave resolved while somebody was inside");
      }
    };
    await kit.within("all rounds", 3 * soonMs(kit), Promise.all(members.map(cycle)));
    assert.equal(entered, 15);
  });

  test("BAR-4", "who comes beyond the number waits for the next round, in order of arrival", async (kit) => {
    const [a, b, c, d] = (await clients(kit, 4)) as [KitClient, KitClient, KitClient, KitClient];
    const first = [await enterAs(kit, a, 2, 1), await enterAs(kit, b, 2, 3)];
    const rounds = await all(kit, "the first round", first);
    const next = [await enterAs(kit, c, 2, 4), await enterAs(kit, d, 2, 5)];
    await kit.sleep(kit.target.sessionTimeoutMs / 20);
    assert.deepEqual(
      next.map(({ settled }) => settled),
      [false, false],
      "one round at a time",
    );
    const leaving = rounds.map(leave);
    await all(kit, "they leave, though others wait", leaving);
    await all(kit, "the second round", next);
  });

  test("BAR-4", "more than the number at once make rounds of exactly the number", async (kit) => {
    const members = await clients(kit, 5);
    const calls = members.map((client) => enter(client, 2));
    const done: BarrierRound[] = [];
    for (const round of [1, 2]) {
      const inside = await kit.until("a round", soonMs(kit), () => {
        const settled = calls.filter((call) => call.settled);
        return settled.length === 2 * round && settled;
      });
      const rounds = (await all(kit, "they entered", inside)).filter((one) => !done.includes(one));
      assert.equal(rounds.length, 2);
      done.push(...rounds);
      await all(kit, "they leave", rounds.map(leave));
    }
    await kit.sleep(kit.target.sessionTimeoutMs / 20);
    assert.equal(calls.filter((call) => call.settled).length, 4, "the fifth waits");
    calls.find((call) => !call.settled)?.promise.catch(() => {});
  });

  test("BAR-5", "nobody has left before all have", async (kit) => {
    const members = await clients(kit, 3);
    const rounds = await all(
      kit,
      "all enter",
      members.map((client) => enter(client, 3)),
    );
    const leaving = rounds.slice(1).map(leave);
    await childrenAre(kit, members[0] as KitClient, path, 2);
    await kit.sleep(kit.target.sessionTimeoutMs / 20);
    assert.deepEqual(
      leaving.map(({ settled }) => settled),
      [false, false],
    );
    await all(kit, "all leave", [...leaving, ...rounds.slice(0, 1).map(leave)]);
    await all(kit, "leaving again has nothing to wait for", rounds.map(leave));
  });

  test(
    "BAR-5",
    "a member that dies inside holds nobody up",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(steady(kit)), await kit.client()];
      const [mine, theirs] = await all(kit, "both enter", [enter(a, 2), enter(b, 2)]);
      const leaving = leave(mine as BarrierRound);
      await loseSession(kit, b);
      await all(kit, "it leaves", [leaving]);
      assert.ok(theirs?.signal.aborted);
      await rejects(theirs.leave(), "SESSION_LOST", "not-applied");
    },
  );

  test("BAR-5", "leaving that is given up has left, and holds nobody up", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const [mine, theirs] = (await all(kit, "both enter", [enter(a, 2), enter(b, 2)])) as [
      BarrierRound,
      BarrierRound,
    ];
    await rejects(mine.leave({ timeoutMs: 50 }), "TIMEOUT");
    await childrenAre(kit, b, path, 2);
    await kit.within("the other leaves", soonMs(kit), theirs.leave());
    await kit.within("now it may be waited for", soonMs(kit), mine.leave());
  });

  test("BAR-5", "leaving survives a disconnection", { needs: ["link"] }, async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const [mine, theirs] = (await all(kit, "both enter", [enter(a, 2), enter(b, 2)])) as [
      BarrierRound,
      BarrierRound,
    ];
    await a.link.dropNextReply();
    const leaving = leave(mine);
    await childrenAre(kit, b, path, 2);
    await a.link.cut();
    const others = leave(theirs);
    await all(kit, "both leave", [leaving, others]);
  });

  test("BAR-6", "waiting that is given up leaves nothing behind, and does not count", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const giveUp = new AbortController();
    const { promise } = await enterAs(kit, a, 2, 1, { signal: giveUp.signal });
    giveUp.abort();
    await rejects(promise, "ABORTED");
    await childrenAre(kit, b, path, 0);
    for (const timeoutMs of [0, 50]) await rejects(enter(a, 2, { timeoutMs }).promise, "TIMEOUT");
    await childrenAre(kit, b, path, 0);
    const other = await enterAs(kit, b, 2, 1);
    await kit.sleep(kit.target.sessionTimeoutMs / 20);
    assert.equal(other.settled, false);
    await all(kit, "both enter", [other, enter(a, 2)]);
  });

  test(
    "BAR-6",
    "waiting that is given up without contact leaves nothing behind once there is contact",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
      await a.coordinator.create(path);
      const giveUp = new AbortController();
      const { promise } = await enterAs(kit, a, 2, 1, { signal: giveUp.signal });
      await a.link.refuse();
      giveUp.abort();
      await rejects(promise, "ABORTED");
      await a.link.heal();
      await childrenAre(kit, b, path, 0);
    },
  );

  test(
    "BAR-6",
    "who waits in a session that is lost rejects, is counted no longer, and never enters",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(steady(kit)), await kit.client()];
      const { promise } = await enterAs(kit, b, 2, 1);
      const lost = rejects(promise, "SESSION_LOST", "not-applied");
      await loseSession(kit, b);
      await kit.within("the wait ends", soonMs(kit), lost);
      await childrenAre(kit, a, path, 0);
      const other = await enterAs(kit, a, 2, 1);
      await kit.sleep(a.session.timeoutMs / 20);
      assert.equal(other.settled, false);
      await all(kit, "both enter", [other, enter(b, 2)]);
    },
  );

  test(
    "BAR-6",
    "nor does one whose session the store has ended",
    { needs: ["link", "expireSession"], timeouts: 20 },
    async (kit) => {
      const [a, b] = await clients(kit, 2);
      if (!a || !b) return;
      const { promise } = await enterAs(kit, b, 2, 1);
      // As of a waiting candidate: the removal of its node may be heard of first (LEAD-8).
      const lost = rejects(promise, ["SESSION_LOST", "NOT_HELD"]);
      await kit.expire(b);
      await kit.within("the wait ends", soonMs(kit), lost);
      await childrenAre(kit, a, path, 0);
    },
  );

  test("BAR-6", "who waits learns that its node was deleted from outside", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const { promise } = await enterAs(kit, a, 2, 1);
    const [name] = await childrenAre(kit, b, path, 1);
    await b.coordinator.delete(`${path}/${name}`);
    await kit.within("the wait ends", soonMs(kit), rejects(promise, "NOT_HELD"));
  });

  test("BAR-6", "waiting survives a disconnection", { needs: ["link"] }, async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const waiting = await enterAs(kit, a, 2, 1);
    await a.link.refuse();
    const other = enter(b, 2);
    await kit.within("who has contact enters", soonMs(kit), other.promise);
    assert.equal(waiting.settled, false);
    await a.link.heal();
    await all(kit, "and the other too", [waiting]);
  });

  test("OUT-3", "who enters and is not answered stands there once", { needs: ["link"] }, async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    await a.coordinator.create(path);
    await a.link.dropNextReply();
    const waiting = enter(a, 2);
    // Only the other one looks: the reply that is lost is that of the first request.
    await childrenAre(kit, b, path, 1);
    await kit.sleep(kit.target.sessionTimeoutMs / 20);
    await childrenAre(kit, b, path, 1);
    const rounds = await all(kit, "both enter", [waiting, enter(b, 2)]);
    await all(kit, "both leave", rounds.map(leave));
  });

  test("BAR-7", "who waits for another number than one who came before is told so", async (kit) => {
    const [a, b] = (await clients(kit, 2)) as [KitClient, KitClient];
    const first = await enterAs(kit, a, 2, 1);
    for (const count of [1, 3]) {
      const error = await rejects(enter(b, count).promise, "INVALID_ARGUMENT", "not-applied");
      assert.match(error.message, new RegExp(`count is ${count} here, and 2 `));
      await childrenAre(kit, a, path, 1);
    }
    assert.equal(first.settled, false);
    await all(kit, "those who agree enter", [first, enter(b, 2)]);
  });

  test(
    "BAR-7",
    "a number that is none is refused before any I/O, and another node in the way is named",
    async (kit) => {
      const [{ coordinator }] = (await clients(kit, 1)) as [KitClient];
      for (const count of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 10_001, "2", null, undefined]) {
        const refused = async () => coordinator.doubleBarrier(path, { count: count as number });
        await rejects(refused(), "INVALID_ARGUMENT", "not-applied");
      }
      const unknown = { count: 2, size: 2 };
      await rejects((async () => coordinator.doubleBarrier(path, unknown))(), "INVALID_ARGUMENT");
      await coordinator.create(`${path}/ready`, "go", { parents: true });
      const error = await rejects(
        coordinator.doubleBarrier(path, { count: 1 }).enter(),
        "INVALID_DATA",
        "not-applied",
      );
      assert.equal(error.path, `${path}/ready`);
    },
  );
});
