import { expect, test } from "vitest";
import type { Connection } from "../src/driver.js";
import { Code, ZooKeeperError } from "../src/errors.js";
import { HeardByLeader } from "../src/heard-by-leader.js";
import { ManualClock, settled } from "./manual-clock.js";

/* In a time of its own: what a sync proves, and when one is sent. */

const sessionTimeoutMs = 4_000;
const quarterMs = sessionTimeoutMs / 4;

interface Sync {
  resolve(): void;
  reject(error: unknown): void;
}

async function setUp() {
  const clock = new ManualClock();
  const syncs: Sync[] = [];
  const sync = () => new Promise<void>((resolve, reject) => syncs.push({ resolve, reject }));
  const connectionOf = () => ({ sync }) as unknown as Connection;
  let waiting: ((connection: Connection) => void)[] = [];
  const link = {
    current: connectionOf() as Connection | undefined,
    connectingSinceMs: 10,
    connected: () => {
      const { current } = link;
      return current === undefined
        ? new Promise<Connection>((resolve) => waiting.push(resolve))
        : Promise.resolve(current);
    },
  };
  const hearing = new HeardByLeader({ link, clock, path: "/", sessionTimeoutMs });
  const told: (number | string)[] = [];
  /** Asks again and again, as the session machinery does. */
  const ask = () =>
    void (async () => {
      for (;;) {
        const next = await hearing.heard(new AbortController().signal).catch((error) => String(error.code));
        told.push(next);
        if (typeof next === "string") return;
      }
    })();
  ask();
  await settled();
  return {
    ...{ clock, syncs, link, hearing, told, ask },
    answer: async () => {
      syncs.at(-1)?.resolve();
      await settled();
    },
    disconnect: async () => {
      link.current = undefined;
      syncs.at(-1)?.reject(new ZooKeeperError(Code.CONNECTIONLOSS, { sent: true }));
      await settled();
    },
    reconnect: async (sinceMs: number) => {
      const connection = connectionOf();
      Object.assign(link, { current: connection, connectingSinceMs: sinceMs });
      for (const resolve of waiting) resolve(connection);
      waiting = [];
      hearing.reconnected();
      await settled();
    },
  };
}

test("SES-3 a sync is sent in each quarter of the timeout, and its answer proves the one before, not itself", async () => {
  const { clock, syncs, told, answer } = await setUp();
  await clock.to(10 + quarterMs - 1);
  expect(syncs).toHaveLength(0);
  await clock.to(10 + quarterMs);
  expect(syncs).toHaveLength(1);
  await answer();
  // That the session was opened is known already.
  expect(told).toEqual([]);
  await clock.to(10 + 2 * quarterMs);
  expect(syncs).toHaveLength(2);
  expect(told).toEqual([]);
  await answer();
  expect(told).toEqual([10 + quarterMs]);
  // Late, as after a pause of this process: what is sent then proves no more than what was sent before it.
  await clock.to(10 + 9 * quarterMs);
  await answer();
  expect(told).toEqual([10 + quarterMs, 10 + 2 * quarterMs]);
});

test("SES-3 without an answer nothing is proven, and nothing more is asked", async () => {
  const { clock, syncs, told } = await setUp();
  for (let quarter = 1; quarter < 10; quarter++) await clock.to(10 + quarter * quarterMs);
  expect(syncs).toHaveLength(1);
  expect(told).toEqual([]);
});

test("SES-7 a session that was taken up on another connection was confirmed by the leader when that was made", async () => {
  const { clock, syncs, told, answer, disconnect, reconnect } = await setUp();
  await clock.to(10 + quarterMs);
  await disconnect();
  await reconnect(1_500);
  expect(told).toEqual([1_500]);
  await clock.to(1_500 + quarterMs);
  await answer();
  await clock.to(1_500 + 2 * quarterMs);
  await answer();
  expect(told).toEqual([1_500, 1_500 + quarterMs]);
  expect(syncs).toHaveLength(3);
});

test("SES-7 a connection that breaks between two syncs is noticed at once when there is another", async () => {
  const { clock, told, reconnect, disconnect } = await setUp();
  await clock.to(100);
  await disconnect();
  await reconnect(120);
  expect(told).toEqual([120]);
});

test("SES-2 a sync that a busy server refuses is told, and tried again", async () => {
  const THROTTLEDOP = -127;
  const { clock, syncs, told, ask, answer } = await setUp();
  await clock.to(10 + quarterMs);
  syncs.at(-1)?.reject(new ZooKeeperError(THROTTLEDOP, { sent: true }));
  await settled();
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/-127/);
  await clock.to(10 + 2 * quarterMs);
  expect(syncs).toHaveLength(2);
  await answer();
  ask();
  await clock.to(10 + 3 * quarterMs);
  await answer();
  await settled();
  expect(told[1]).toBe(10 + 2 * quarterMs);
});

test("SES-10 it ends with the session, and leaves no timer", async () => {
  const { clock, told, hearing } = await setUp();
  await clock.to(100);
  hearing.stop();
  await settled();
  expect(told).toEqual(["CLOSED"]);
  expect(clock.pending).toBe(0);
});

test("OUT-4 an abort ends the wait and not the renewals", async () => {
  const { clock, told, hearing, answer } = await setUp();
  const abort = new AbortController();
  const waiting = hearing.heard(abort.signal);
  abort.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await clock.to(10 + quarterMs);
  await answer();
  await clock.to(10 + 2 * quarterMs);
  await answer();
  expect(told).toEqual([10 + quarterMs]);
});
