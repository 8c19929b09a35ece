import assert from "node:assert/strict";
import type { LockHold, ReadWriteLock } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { type Define, suite } from "../suite.js";
import { exclusiveCases } from "./exclusive.js";
import { childrenAre, loseSession, soonMs, steady } from "./support.js";

const path = "/l";

function of({ coordinator }: KitClient): ReadWriteLock {
  return coordinator.readWriteLock(path);
}

interface Waiting {
  readonly turn: Promise<LockHold>;
  hasCome(): boolean;
}

/** Joins as the `place`th in the line, and has been seen to. */
async function joinAt(
  kit: Kit,
  client: KitClient,
  mode: "read" | "write",
  place: number,
  signal?: AbortSignal,
): Promise<Waiting> {
  let come = false;
  const turn = of(client)[mode].acquire({ signal });
  turn.then(
    () => {
      come = true;
    },
    () => {},
  );
  await childrenAre(kit, client, path, place);
  return { turn, hasCome: () => come };
}

function modes(lock: ReadWriteLock): Promise<readonly (string | undefined)[]> {
  return lock.contenders().then((contenders) => contenders.map(({ mode }) => mode));
}

function sharing(test: Define): void {
  test("RW-1", "readers hold together, and a writer alone", async (kit) => {
    const [a, b, c] = await Promise.all([
      kit.client(steady(kit)),
      kit.client(steady(kit)),
      kit.client(steady(kit)),
    ]);
    const readers = [await of(a).read.acquire(), await of(b).read.acquire()];
    assert.ok(readers.every((hold) => hold.isHeld));
    assert.equal(await of(c).write.tryAcquire(), undefined, "a writer waits for readers");
    const writer = await joinAt(kit, c, "write", 3);
    assert.deepEqual(await modes(of(a)), ["read", "read", "write"]);
    await readers[1]?.release();
    await childrenAre(kit, a, path, 2);
    assert.equal(writer.hasCome(), false, "one reader is left");
    await readers[0]?.release();
    const writing = await kit.within("the writer's turn", soonMs(kit), writer.turn);
    assert.equal(await of(a).read.tryAcquire(), undefined, "a reader waits for the writer");
    assert.equal(await of(b).write.tryAcquire(), undefined, "and so does a writer");
    await writing.release();
    assert.ok((await of(a).read.tryAcquire())?.isHeld);
  });

  test("RW-1", "all readers behind a writer hold when it leaves, up to the next writer", async (kit) => {
    const [a, b, c, d] = await Promise.all([
      kit.client(steady(kit)),
      kit.client(steady(kit)),
      kit.client(steady(kit)),
      kit.client(steady(kit)),
    ]);
    const writing = await of(a).write.acquire();
    const first = await joinAt(kit, b, "read", 2);
    const second = await joinAt(kit, c, "read", 3);
    const next = await joinAt(kit, d, "write", 4);
    const last = await joinAt(kit, a, "read", 5);
    await writing.release();
    const readers = await kit.within(
      "both readers",
      soonMs(kit),
      Promise.all([first, second].map(({ turn }) => turn)),
    );
    assert.deepEqual([next.hasCome(), last.hasCome()], [false, false]);
    await readers[0]?.release();
    await readers[1]?.release();
    const nextWriting = await kit.within("the next writer", soonMs(kit), next.turn);
    assert.equal(last.hasCome(), false);
    assert.ok((readers as readonly LockHold[]).every(({ token }) => token < nextWriting.token));
    await nextWriting.release();
    assert.ok((await kit.within("the last reader", soonMs(kit), last.turn)).token > nextWriting.token);
  });

  test("RW-2", "a writer is not overtaken by readers that come after it", async (kit) => {
    const [a, b, c] = await Promise.all([
      kit.client(steady(kit)),
      kit.client(steady(kit)),
      kit.client(steady(kit)),
    ]);
    const reading = await of(a).read.acquire();
    const writer = await joinAt(kit, b, "write", 2);
    const late = await joinAt(kit, c, "read", 3);
    assert.equal(await of(a).read.tryAcquire(), undefined);
    await reading.release();
    const writing = await kit.within("the writer's turn", soonMs(kit), writer.turn);
    assert.equal(late.hasCome(), false);
    await writing.release();
    assert.ok((await kit.within("the late reader", soonMs(kit), late.turn)).isHeld);
  });

  test("RW-2", "readers go on when the writer ahead of them gives up", async (kit) => {
    const [a, b, c] = await Promise.all([
      kit.client(steady(kit)),
      kit.client(steady(kit)),
      kit.client(steady(kit)),
    ]);
    const reading = await of(a).read.acquire();
    const giveUp = new AbortController();
    const writer = await joinAt(kit, b, "write", 2, giveUp.signal);
    const late = await joinAt(kit, c, "read", 3);
    giveUp.abort();
    await rejects(writer.turn, "ABORTED");
    assert.ok((await kit.within("the late reader", soonMs(kit), late.turn)).isHeld);
    assert.ok(reading.isHeld);
  });
}

function underFaults(test: Define): void {
  test(
    "LEAD-3",
    "a reader learns of its loss before the writer behind it holds",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(), await kit.client(steady(kit))];
      const reading = await of(a).read.acquire();
      await b.coordinator.create("/register", "0");
      const writer = await joinAt(kit, b, "write", 2);
      await a.link.refuse();
      const writing = await kit.within("the writer's turn", soonMs(kit), writer.turn);
      assert.ok(!reading.isHeld && reading.signal.aborted);
      await a.link.heal();
      await rejects(reading.set("/register", "late"), "SESSION_LOST", "not-applied");
      assert.ok(writing.isHeld);
    },
  );

  test(
    "LEAD-8",
    "a reader whose session is lost while it waits never holds, and those behind it do",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b, c] = [await kit.client(steady(kit)), await kit.client(), await kit.client(steady(kit))];
      const writing = await of(a).write.acquire();
      const lost = await joinAt(kit, b, "read", 2);
      const behind = await joinAt(kit, c, "read", 3);
      await loseSession(kit, b);
      await rejects(kit.within("the wait ends", soonMs(kit), lost.turn), "SESSION_LOST");
      await childrenAre(kit, a, path, 2);
      await writing.release();
      assert.ok((await kit.within("the one behind", soonMs(kit), behind.turn)).isHeld);
    },
  );
}

export const readWriteLock = suite("read-write lock", (test) => {
  exclusiveCases(test, {
    what: "write lock",
    of: (coordinator) => coordinator.readWriteLock(path).write,
    within: (coordinator, work) => coordinator.readWriteLock(path).write.withLock(work),
  });
  sharing(test);
  underFaults(test);
});
