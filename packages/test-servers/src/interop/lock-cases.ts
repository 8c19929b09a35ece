import assert from "node:assert/strict";
import type { Lock } from "@conclave/api";
import { Journal } from "./journal.js";
import type { RegisterCase } from "./register.js";
import { freshPath, type InteropSetting, SHORT_SESSION_MS, settle, until } from "./setting.js";

const TURNS = 25;
const LIMIT_MS = 60_000;

/** What holds for every foreign lock that keeps to our line. */
export function lockCases(register: RegisterCase, setting: InteropSetting): void {
  const { namespace, extra } = setting;

  register(
    "lock: two of theirs and two of ours exclude each other, over many hand-overs",
    async () => {
      const path = freshPath();
      const theirs = ["theirs-1", "theirs-2"];
      const ours = ["ours-1", "ours-2"];
      const foreign = setting.foreign();
      const coordinators = await Promise.all(ours.map(() => setting.connect()));
      await Promise.all(theirs.map((name) => foreign.call("connect", name)));
      const journal = new Journal();
      try {
        await Promise.all([
          ...theirs.map((name) =>
            foreign.call("turns", name, namespace + path, String(TURNS), journal.folder, ...extra),
          ),
          ...coordinators.map((coordinator, at) =>
            takeTurns(coordinator.lock(path), journal, ours[at] ?? ""),
          ),
        ]);
        const turns = journal.turns();
        for (const name of [...theirs, ...ours]) {
          assert.equal(turns.filter((turn) => turn === name).length, TURNS, name);
        }
        const handedOver = turns.filter((turn, at) => at > 0 && isOurs(turn) !== isOurs(turns[at - 1] ?? ""));
        assert.ok(handedOver.length >= TURNS, `handed over ${handedOver.length} times: ${turns.join(" ")}`);
      } finally {
        journal.remove();
      }
    },
    LIMIT_MS,
  );

  register("lock: who came first has it first, whichever program it is", async () => {
    const path = freshPath();
    const foreign = setting.foreign();
    const lock = (await setting.connect()).lock(path);
    const standing = (count: number) =>
      until(`${count} stand in line`, async () => (await lock.contenders()).length === count);
    const held: string[] = [];

    const first = await lock.acquire();
    const second = foreign
      .call("acquire", "second", namespace + path, ...extra)
      .then(() => held.push("second"));
    await standing(2);
    const third = lock.acquire().then((hold) => {
      held.push("third");
      return hold;
    });
    await standing(3);
    const fourth = foreign
      .call("acquire", "fourth", namespace + path, ...extra)
      .then(() => held.push("fourth"));
    await standing(4);

    assert.equal(await settle(Promise.race([second, third, fourth])), "pending");
    await first.release();
    await second;
    assert.equal(await settle(Promise.race([third, fourth])), "pending");
    await foreign.call("release", "second");
    await (await third).release();
    await fourth;
    await foreign.call("release", "fourth");
    assert.deepEqual(held, ["second", "third", "fourth"]);
    assert.deepEqual(await lock.contenders(), []);
  });

  register(
    "lock: of theirs, killed while it holds, passes to us when its session is over",
    async () => {
      const path = freshPath();
      const foreign = setting.mortalForeign();
      await foreign.call("acquire", "dies", namespace + path, ...extra);
      const lock = (await setting.connect()).lock(path);
      assert.equal(await lock.tryAcquire(), undefined);
      const [holder] = await lock.contenders();
      const waiting = lock.acquire();
      assert.equal(await settle(waiting), "pending");
      await foreign.kill();
      const hold = await waiting;
      assert.ok(holder !== undefined && hold.token > holder.token);
      assert.deepEqual(
        (await lock.contenders()).map((contender) => contender.path),
        [hold.path],
      );
      await hold.release();
    },
    LIMIT_MS + SHORT_SESSION_MS,
  );

  register(
    "lock: of ours, killed while it holds, passes to them when its session is over",
    async () => {
      const path = freshPath();
      const own = setting.mortalOwn();
      const holding = await own.call("acquire", namespace + path);
      const lock = (await setting.connect()).lock(path);
      const heir = setting.foreign().call("acquire", "heir", namespace + path, ...extra);
      await until("it waits", async () => (await lock.contenders()).length === 2);
      assert.equal(await settle(heir), "pending");
      assert.equal(`${namespace}${(await lock.contenders())[0]?.path}`, holding);
      await own.kill();
      await heir;
      assert.equal((await lock.contenders()).length, 1);
      assert.equal(await lock.tryAcquire(), undefined);
      await setting.foreign().call("release", "heir");
      const hold = await lock.tryAcquire();
      assert.ok(hold);
      await hold.release();
    },
    LIMIT_MS + SHORT_SESSION_MS,
  );
}

async function takeTurns(lock: Lock, journal: Journal, name: string): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) {
    await lock.withLock(() => journal.turn(name));
  }
}

function isOurs(name: string): boolean {
  return name.startsWith("ours");
}
