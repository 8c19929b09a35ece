import assert from "node:assert/strict";
import { ConclaveError, type LockHold } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { childrenAre, loseSession, range, soonMs, steady, text } from "./support.js";

const path = "/l";

function pair(kit: Kit): Promise<[KitClient, KitClient]> {
  return Promise.all([kit.client(steady(kit)), kit.client(steady(kit))]);
}

/** `waiter` stands behind `count` others, and has been seen to. */
async function standBehind(
  kit: Kit,
  waiter: KitClient,
  count: number,
  signal?: AbortSignal,
): Promise<{ readonly waiting: Promise<LockHold> }> {
  const waiting = waiter.coordinator.lock(path).acquire({ signal });
  waiting.catch(() => {});
  await childrenAre(kit, waiter, path, count + 1);
  return { waiting };
}

export const lock = suite("lock", (test) => {
  test("LEAD-1", "a lock has one holder at a time, in one process and across processes", async (kit) => {
    const clients = await pair(kit);
    let holders = 0;
    const tokens: bigint[] = [];
    const cycle = async ({ coordinator }: KitClient) => {
      for (const _ of range(5)) {
        await coordinator.lock(path).withLock(async (hold) => {
          holders += 1;
          assert.equal(holders, 1);
          tokens.push(hold.token);
          await coordinator.get("/");
          holders -= 1;
        });
      }
    };
    await Promise.all([...clients, ...clients].map(cycle));
    assert.equal(tokens.length, 20);
    for (const [index, token] of tokens.slice(1).entries()) {
      assert.ok(token > (tokens[index] as bigint), "LEAD-2: tokens grow from holder to holder");
    }
    await childrenAre(kit, clients[0], path, 0);
  });

  test("LEAD-2", "a lock's tokens grow across deletion of its node", async (kit) => {
    const [{ coordinator, session }] = await pair(kit);
    let last = 0n;
    for (const _ of range(3)) {
      const hold = await coordinator.lock(path).acquire();
      assert.ok(hold.token > last);
      last = hold.token;
      await hold.release();
      await session.delete(path);
    }
  });

  test(
    "LEAD-3",
    "the holder of a lock learns of its loss before a rival holds",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(), await kit.client(steady(kit))];
      const hold = await a.coordinator.lock(path).acquire();
      const { waiting } = await standBehind(kit, b, 1);
      await a.link.refuse();
      const next = await kit.within("the rival holds", soonMs(kit), waiting);
      assert.ok(!hold.isHeld && hold.signal.aborted);
      assert.ok(ConclaveError.is(hold.signal.reason, "SESSION_LOST"));
      assert.ok(next.token > hold.token);
      await a.link.heal();
      await hold.release();
      assert.ok(next.isHeld, "LEAD-7: a stale release harms nobody");
    },
  );

  test("LEAD-4", "what a holder writes is refused once it has released", async (kit) => {
    const [{ coordinator, session }] = await pair(kit);
    await coordinator.create("/register", "0");
    const hold = await coordinator.lock(path).acquire();
    await hold.set("/register", "1");
    await hold.release();
    await rejects(hold.set("/register", "2"), "NOT_HELD", "not-applied");
    assert.equal(text(await session.get("/register", { linearizable: true })), "1");
  });

  test("LEAD-4", "and once its node was deleted from outside", async (kit) => {
    const [a, b] = await pair(kit);
    await a.coordinator.create("/register", "0");
    const hold = await a.coordinator.lock(path).acquire();
    await b.coordinator.delete(hold.path);
    await rejects(hold.set("/register", "1"), "NOT_HELD", "not-applied");
    assert.equal(hold.isHeld, false, "the refusal ends the hold, if the watch has not yet");
    assert.equal(text(await b.session.get("/register", { linearizable: true })), "0");
  });

  test("LEAD-5", "contenders are listed in their order, and served in it", async (kit) => {
    const clients = await Promise.all(range(4).map(() => kit.client(steady(kit))));
    const turns: Promise<LockHold>[] = [];
    for (const [index, client] of clients.entries()) {
      const turn = client.coordinator.lock(path).acquire({ data: `${index}` });
      turn.catch(() => {});
      turns.push(turn);
      await childrenAre(kit, client, path, index + 1);
    }
    const observer = clients[0]?.coordinator.lock(path);
    for (const index of range(4)) {
      const hold = await kit.within(`turn ${index}`, soonMs(kit), turns[index] as Promise<LockHold>);
      const contenders = (await observer?.contenders()) ?? [];
      const names = contenders.map(({ data }) => new TextDecoder().decode(data));
      assert.deepEqual(names, range(4).slice(index).map(String));
      assert.equal(contenders[0]?.token, hold.token);
      assert.equal(contenders[0]?.sessionId, clients[index]?.session.id);
      assert.equal(contenders[0]?.path, hold.path);
      await hold.release();
    }
    assert.deepEqual(await observer?.contenders(), []);
  });

  test("LEAD-6", "a wait for a lock that is aborted or takes too long leaves nothing behind", async (kit) => {
    const [a, b] = await pair(kit);
    const hold = await a.coordinator.lock(path).acquire();
    const controller = new AbortController();
    const { waiting: aborted } = await standBehind(kit, b, 1, controller.signal);
    controller.abort();
    await rejects(aborted, "ABORTED");
    await rejects(b.coordinator.lock(path).acquire({ timeoutMs: 50 }), "TIMEOUT");
    await rejects(b.coordinator.lock(path).acquire({ timeoutMs: 0 }), "TIMEOUT");
    await childrenAre(kit, a, path, 1);
    await hold.release();
    await kit.within("the lock is free", soonMs(kit), b.coordinator.lock(path).acquire());
  });

  test("LEAD-6", "tryAcquire takes a free lock, and leaves a held one alone", async (kit) => {
    const [a, b] = await pair(kit);
    const hold = await a.coordinator.lock(path).tryAcquire({ data: "mine" });
    assert.ok(hold?.isHeld);
    assert.equal(await b.coordinator.lock(path).tryAcquire(), undefined);
    assert.equal(await a.coordinator.lock(path).tryAcquire(), undefined, "a lock is not reentrant");
    assert.equal((await childrenAre(kit, a, path, 1)).length, 1);
    await hold.release();
    assert.ok((await b.coordinator.lock(path).tryAcquire())?.isHeld);
  });

  test("LEAD-7", "withLock releases when its work is done or fails, and is settled by it", async (kit) => {
    const [{ coordinator }] = await pair(kit);
    const mutex = coordinator.lock(path);
    let seen: LockHold | undefined;
    const result = await mutex.withLock((hold) => {
      seen = hold;
      return "done";
    });
    assert.equal(result, "done");
    assert.equal(seen?.isHeld, false);
    const failure = new Error("the work failed");
    const failing = mutex.withLock(() => {
      throw failure;
    });
    await assert.rejects(failing, (error) => error === failure);
    assert.deepEqual(await mutex.contenders(), []);
    await seen?.release();
    await rejects(mutex.withLock("work" as never), "INVALID_ARGUMENT");
  });

  test(
    "LEAD-8",
    "who waits for a lock in a session that is lost never holds it",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(steady(kit)), await kit.client()];
      const hold = await a.coordinator.lock(path).acquire();
      const { waiting } = await standBehind(kit, b, 1);
      await loseSession(kit, b);
      await rejects(kit.within("the wait ends", soonMs(kit), waiting), "SESSION_LOST");
      await childrenAre(kit, a, path, 1);
      await hold.release();
      await childrenAre(kit, a, path, 0);
    },
  );

  test(
    "OUT-3",
    "a lock whose acquisition was not answered is held once, or passed on",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = await pair(kit);
      await a.coordinator.create(path);
      await a.link.dropNextReply();
      const hold = await kit.within("the lock", soonMs(kit), a.coordinator.lock(path).acquire());
      assert.ok(hold.isHeld);
      await childrenAre(kit, b, path, 1);
      const { waiting } = await standBehind(kit, b, 1);
      await hold.release();
      assert.ok((await kit.within("the queue moves on", soonMs(kit), waiting)).isHeld);
    },
  );
});
