import assert from "node:assert/strict";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { loseSession, over, pair, soonMs, steady } from "./support.js";

const path = "/gates/b";

/** A wait that has found the barrier, as far as that can be told: the store has answered whatever came with it. */
async function waitAt(
  kit: Kit,
  { coordinator }: KitClient,
): Promise<{ readonly passed: Promise<void>; settled: boolean }> {
  const passed = coordinator.barrier(path).wait();
  const wait = { passed, settled: false };
  const settled = () => {
    wait.settled = true;
  };
  passed.then(settled, settled);
  for (let round = 0; round < 3; round += 1) await coordinator.get("/", { linearizable: true });
  await kit.sleep(1);
  return wait;
}

export const barrier = suite("barrier", (test) => {
  test("BAR-1", "who waits at a barrier goes on when it is removed, and not before", async (kit) => {
    const [a, b] = await pair(kit);
    await a.coordinator.barrier(path).set();
    const waits = [await waitAt(kit, b), await waitAt(kit, b), await waitAt(kit, a)];
    await kit.sleep(a.session.timeoutMs / 20);
    assert.deepEqual(
      waits.map(({ settled }) => settled),
      [false, false, false],
    );
    await a.coordinator.barrier(path).remove();
    await kit.within("all go on", soonMs(kit), Promise.all(waits.map(({ passed }) => passed)));
  });

  test("BAR-1", "where no barrier stands, nobody waits", async (kit) => {
    const [{ coordinator }] = await pair(kit);
    await kit.within("it passes", soonMs(kit), coordinator.barrier(path).wait());
    await coordinator.barrier(path).set();
    await coordinator.barrier(path).remove();
    await kit.within("it passes", soonMs(kit), coordinator.barrier(path).wait());
  });

  test("BAR-1", "a wait that began after the barrier was set never passes it", async (kit) => {
    const [a, b] = await pair(kit);
    for (let round = 0; round < 5; round += 1) {
      await a.coordinator.barrier(path).set();
      const { passed } = await waitAt(kit, b);
      let removed = false;
      const checked = passed.then(() => assert.ok(removed, "it passed a barrier that stood"));
      removed = true;
      await a.coordinator.barrier(path).remove();
      await kit.within("it goes on", soonMs(kit), checked);
    }
  });

  test("BAR-1", "who waits goes on though the barrier is set anew at once", async (kit) => {
    const [a, b] = await pair(kit);
    await a.coordinator.barrier(path).set();
    const { passed } = await waitAt(kit, b);
    await a.coordinator.barrier(path).remove();
    await a.coordinator.barrier(path).set();
    await kit.within("it goes on", soonMs(kit), passed);
  });

  test("BAR-2", "setting and removing may be repeated, by anybody", async (kit) => {
    const [a, b] = await pair(kit);
    await a.coordinator.barrier(path).remove();
    await a.coordinator.barrier(path).set();
    await b.coordinator.barrier(path).set();
    assert.ok(await a.coordinator.exists(path, { linearizable: true }));
    await b.coordinator.barrier(path).remove();
    await a.coordinator.barrier(path).remove();
    assert.ok(!(await b.coordinator.exists(path, { linearizable: true })));
  });

  test("BAR-2", "a barrier outlives the session that set it", async (kit) => {
    const [a, b] = await pair(kit);
    await a.coordinator.barrier(path).set();
    await a.coordinator.close();
    const wait = await waitAt(kit, b);
    await kit.sleep(b.session.timeoutMs / 20);
    assert.equal(wait.settled, false);
    await b.coordinator.barrier(path).remove();
    await kit.within("it goes on", soonMs(kit), wait.passed);
  });

  test("BAR-2", "a wait goes on in the next session", { needs: ["link"], timeouts: 20 }, async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client()];
    await a.coordinator.barrier(path).set();
    const wait = await waitAt(kit, b);
    await loseSession(kit, b);
    await kit.within("the next session", soonMs(kit), b.coordinator.session());
    await waitAt(kit, b);
    assert.equal(wait.settled, false);
    await a.coordinator.barrier(path).remove();
    await kit.within("it goes on", soonMs(kit), wait.passed);
  });

  test(
    "BAR-2",
    "and passes when the barrier was removed between two sessions, or set anew there",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const [a, b] = [
        await kit.client({ sessionTimeoutMs: 20 * kit.target.sessionTimeoutMs }),
        await kit.client(),
      ];
      for (const again of [false, true]) {
        await a.coordinator.barrier(path).set();
        const { passed } = await waitAt(kit, b);
        const session = await b.coordinator.session();
        await b.link.refuse();
        await over(kit, session);
        await a.coordinator.barrier(path).remove();
        if (again) await a.coordinator.barrier(path).set();
        await b.link.heal();
        await kit.within("it goes on", soonMs(kit), passed);
      }
    },
  );

  test("BAR-2", "a wait survives a disconnection", { needs: ["link"] }, async (kit) => {
    const [a, b] = await pair(kit);
    await a.coordinator.barrier(path).set();
    const wait = await waitAt(kit, b);
    await b.link.refuse();
    await a.coordinator.barrier(path).remove();
    assert.equal(wait.settled, false);
    await b.link.heal();
    await kit.within("it goes on", soonMs(kit), wait.passed);
  });

  test("OUT-4", "a wait at a barrier that is given up ends at once", async (kit) => {
    const [{ coordinator }] = await pair(kit);
    await coordinator.barrier(path).set();
    const giveUp = new AbortController();
    const waiting = coordinator.barrier(path).wait({ signal: giveUp.signal });
    await rejects(coordinator.barrier(path).wait({ timeoutMs: 20 }), "TIMEOUT", "not-applied");
    giveUp.abort();
    await rejects(waiting, "ABORTED", "not-applied");
    const closing = coordinator.barrier(path).wait();
    const closed = rejects(closing, "CLOSED");
    await coordinator.close();
    await kit.within("it ends", soonMs(kit), closed);
  });

  test(
    "OUT-1",
    "a raising whose reply was lost is unknown, and was done",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = await pair(kit);
      await a.coordinator.create("/gates");
      await a.link.dropNextReply();
      await rejects(
        kit.within("it ends", soonMs(kit), a.coordinator.barrier(path).set()),
        "CONNECTION_LOST",
        "unknown",
      );
      assert.ok(await b.coordinator.exists(path, { linearizable: true }));
    },
  );
});
