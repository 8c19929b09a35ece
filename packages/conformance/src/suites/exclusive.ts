import assert from "node:assert/strict";
import { type Acquirable, ConclaveError, type Coordinator, type Hold } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import type { Define } from "../suite.js";
import { childrenAre, loseSession, over, pair, range, soonMs, steady, text } from "./support.js";

/** A hold of what was acquired. */
export interface Releasable extends Hold {
  release(): Promise<void>;
}

/** Something that one at a time has, whatever the recipe calls it. */
export interface Exclusive {
  /** As titles name it: `"lock"`. */
  readonly what: string;
  /** The same thing for every client. */
  of(coordinator: Coordinator): Acquirable<Releasable>;
  within<T>(coordinator: Coordinator, work: (hold: Releasable) => Promise<T> | T): Promise<T>;
}

/** Where it stands. */
const path = "/l";

/** `waiter` stands behind `count` others, and has been seen to. */
async function standBehind<H>(
  kit: Kit,
  waiter: KitClient,
  acquirable: Acquirable<H>,
  count: number,
  signal?: AbortSignal,
): Promise<{ readonly waiting: Promise<H> }> {
  const waiting = acquirable.acquire({ signal });
  waiting.catch(() => {});
  await childrenAre(kit, waiter, path, count + 1);
  return { waiting };
}

/** The clauses that hold of whatever one at a time has. */
export function exclusiveCases(test: Define, { what, of, within }: Exclusive): void {
  test("LEAD-1", `a ${what} has one holder at a time, in one process and across processes`, async (kit) => {
    const clients = await pair(kit);
    let holders = 0;
    const tokens: bigint[] = [];
    const cycle = async ({ coordinator }: KitClient) => {
      for (const _ of range(5)) {
        await within(coordinator, async (hold) => {
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

  test("LEAD-2", `the tokens of a ${what} grow across deletion of its node`, async (kit) => {
    const [{ coordinator, session }] = await pair(kit);
    let last = 0n;
    for (const _ of range(3)) {
      const hold = await of(coordinator).acquire();
      assert.ok(hold.token > last);
      last = hold.token;
      await hold.release();
      await session.delete(path);
    }
  });

  test(
    "LEAD-3",
    `the holder of a ${what} learns of its loss before a rival holds`,
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(), await kit.client(steady(kit))];
      const hold = await of(a.coordinator).acquire();
      const { waiting } = await standBehind(kit, b, of(b.coordinator), 1);
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

  test(
    "LEAD-3",
    `the hold of a ${what} ends when the store ends the session`,
    { needs: ["link", "expireSession"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(), await kit.client(steady(kit))];
      await a.coordinator.create("/register", "0");
      const hold = await of(a.coordinator).acquire();
      const { waiting } = await standBehind(kit, b, of(b.coordinator), 1);
      await kit.target.expireSession?.({ id: a.session.id, client: a.test });
      const next = await kit.within("the rival holds", soonMs(kit), waiting);
      await over(kit, a.session);
      assert.ok(!hold.isHeld && hold.signal.aborted);
      await rejects(hold.set("/register", "1"), "SESSION_LOST", "not-applied");
      await next.set("/register", "2");
    },
  );

  test("LEAD-4", `what the holder of a ${what} writes is refused once it has released`, async (kit) => {
    const [{ coordinator, session }] = await pair(kit);
    await coordinator.create("/register", "0");
    const hold = await of(coordinator).acquire();
    await hold.set("/register", "1");
    await hold.release();
    await rejects(hold.set("/register", "2"), "NOT_HELD", "not-applied");
    assert.equal(text(await session.get("/register", { linearizable: true })), "1");
  });

  test("LEAD-4", `and once the node of the ${what} was deleted from outside`, async (kit) => {
    const [a, b] = await pair(kit);
    await a.coordinator.create("/register", "0");
    const hold = await of(a.coordinator).acquire();
    await b.coordinator.delete(hold.path);
    await rejects(hold.set("/register", "1"), "NOT_HELD", "not-applied");
    assert.equal(hold.isHeld, false, "the refusal ends the hold, if the watch has not yet");
    assert.equal(text(await b.session.get("/register", { linearizable: true })), "0");
  });

  test("LEAD-5", `contenders for a ${what} are listed in their order, and served in it`, async (kit) => {
    const clients = await Promise.all(range(4).map(() => kit.client(steady(kit))));
    const turns: Promise<Releasable>[] = [];
    for (const [index, client] of clients.entries()) {
      const turn = of(client.coordinator).acquire({ data: `${index}` });
      turn.catch(() => {});
      turns.push(turn);
      await childrenAre(kit, client, path, index + 1);
    }
    const [first] = clients;
    assert.ok(first);
    const observer = of(first.coordinator);
    for (const index of range(4)) {
      const hold = await kit.within(`turn ${index}`, soonMs(kit), turns[index] as Promise<Releasable>);
      const contenders = await observer.contenders();
      const names = contenders.map(({ data }) => new TextDecoder().decode(data));
      assert.deepEqual(names, range(4).slice(index).map(String));
      assert.equal(contenders[0]?.token, hold.token);
      assert.equal(contenders[0]?.sessionId, clients[index]?.session.id);
      assert.equal(contenders[0]?.path, hold.path);
      await hold.release();
    }
    assert.deepEqual(await observer.contenders(), []);
  });

  test(
    "LEAD-6",
    `a wait for a ${what} that is aborted or takes too long leaves nothing behind`,
    async (kit) => {
      const [a, b] = await pair(kit);
      const hold = await of(a.coordinator).acquire();
      const controller = new AbortController();
      const { waiting: aborted } = await standBehind(kit, b, of(b.coordinator), 1, controller.signal);
      controller.abort();
      await rejects(aborted, "ABORTED");
      await rejects(of(b.coordinator).acquire({ timeoutMs: 50 }), "TIMEOUT");
      await rejects(of(b.coordinator).acquire({ timeoutMs: 0 }), "TIMEOUT");
      await childrenAre(kit, a, path, 1);
      await hold.release();
      await kit.within("the lock is free", soonMs(kit), of(b.coordinator).acquire());
    },
  );

  test("LEAD-5", `nodes and other lines below a ${what} hold nobody up`, async (kit) => {
    const [a, b] = await pair(kit);
    const nested = await a.coordinator.lock(`${path}/other`).acquire();
    for (const number of range(20)) await a.coordinator.create(`${path}/note${number}`);
    const hold = await kit.within("it is free", soonMs(kit), of(a.coordinator).acquire());
    assert.equal(await of(b.coordinator).tryAcquire(), undefined, "who holds is seen all the same");
    assert.equal((await of(b.coordinator).contenders()).length, 1);
    const next = of(b.coordinator).acquire();
    for (const number of range(20)) await a.coordinator.create(`${path}/late${number}`);
    await hold.release();
    await kit.within("the next has it", soonMs(kit), next);
    assert.ok(nested.isHeld);
  });

  test("LEAD-6", `tryAcquire takes a free ${what}, and leaves a held one alone`, async (kit) => {
    const [a, b] = await pair(kit);
    const hold = await of(a.coordinator).tryAcquire({ data: "mine" });
    assert.ok(hold?.isHeld);
    assert.equal(await of(b.coordinator).tryAcquire(), undefined);
    assert.equal(await of(a.coordinator).tryAcquire(), undefined, "a lock is not reentrant");
    assert.equal((await childrenAre(kit, a, path, 1)).length, 1);
    await hold.release();
    assert.ok((await of(b.coordinator).tryAcquire())?.isHeld);
  });

  test(
    "LEAD-7",
    `work within a ${what} releases when it is done or fails, and settles the call`,
    async (kit) => {
      const [{ coordinator }] = await pair(kit);
      let seen: Releasable | undefined;
      const result = await within(coordinator, (hold) => {
        seen = hold;
        return "done";
      });
      assert.equal(result, "done");
      assert.equal(seen?.isHeld, false);
      const failure = new Error("the work failed");
      const failing = within(coordinator, () => {
        throw failure;
      });
      await assert.rejects(failing, (error) => error === failure);
      assert.deepEqual(await of(coordinator).contenders(), []);
      await seen?.release();
      await rejects(within(coordinator, "work" as never), "INVALID_ARGUMENT");
    },
  );

  test(
    "LEAD-8",
    `who waits for a ${what} in a session that is lost never holds it`,
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(steady(kit)), await kit.client()];
      const hold = await of(a.coordinator).acquire();
      const { waiting } = await standBehind(kit, b, of(b.coordinator), 1);
      await loseSession(kit, b);
      await rejects(kit.within("the wait ends", soonMs(kit), waiting), "SESSION_LOST");
      await childrenAre(kit, a, path, 1);
      await hold.release();
      await childrenAre(kit, a, path, 0);
    },
  );

  test(
    "LEAD-8",
    `who waits for a ${what} in a session that the store ends hears of that`,
    { needs: ["expireSession"], timeouts: 20 },
    async (kit) => {
      const [a, b] = await pair(kit);
      await of(a.coordinator).acquire();
      const { waiting } = await standBehind(kit, b, of(b.coordinator), 1);
      const rejected = rejects(waiting, "SESSION_LOST");
      await kit.target.expireSession?.({ id: b.session.id, client: b.test });
      await kit.within("the wait ends", soonMs(kit) + b.session.timeoutMs, rejected);
      await childrenAre(kit, a, path, 1);
    },
  );

  test(
    "OUT-3",
    `a ${what} whose acquisition was not answered is held once, or passed on`,
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = await pair(kit);
      await a.coordinator.create(path);
      await a.link.dropNextReply();
      const hold = await kit.within("the lock", soonMs(kit), of(a.coordinator).acquire());
      assert.ok(hold.isHeld);
      await childrenAre(kit, b, path, 1);
      const { waiting } = await standBehind(kit, b, of(b.coordinator), 1);
      await hold.release();
      assert.ok((await kit.within("the queue moves on", soonMs(kit), waiting)).isHeld);
    },
  );
}
