import { MemoryCluster, memory } from "@conclave/backend-memory";
import { afterEach, expect, test, vi } from "vitest";
import { apply, create, linearizable, open, virtualCluster } from "./support.js";

afterEach(() => {
  vi.useRealTimers();
});

test("SES-6 a session that is not renewed expires exactly when its timeout has passed", async () => {
  const { clock, cluster } = virtualCluster();
  const { session, told } = await open({ cluster, timeoutMs: 1000 });
  const other = await open({ cluster, timeoutMs: 5000 });
  await apply(session, create("/e", { ephemeral: true }));
  await clock.advance(999.9);
  expect(cluster.sessions).toContain(session.id);
  expect(await other.session.get("/e", linearizable)).toBeDefined();
  await clock.advance(0.1);
  expect(cluster.sessions).toEqual([other.session.id]);
  expect(await other.session.get("/e", linearizable)).toBeUndefined();
  expect(told).toEqual(["ended"]);
});

test("SES-2 a renewal moves the expiry to its arrival plus the timeout", async () => {
  const { clock, cluster } = virtualCluster();
  const { session } = await open({ cluster, timeoutMs: 1000 });
  await clock.advance(700);
  expect(await session.renew(1000)).toBe(700);
  await clock.advance(999);
  expect(cluster.sessions).toEqual([session.id]);
  await clock.advance(1);
  expect(cluster.sessions).toEqual([]);
});

test("sessions of different timeouts expire each at its own time", async () => {
  const { clock, cluster } = virtualCluster();
  for (const timeoutMs of [300, 100, 200]) await open({ cluster, timeoutMs });
  const left: number[] = [];
  for (let step = 0; step < 3; step++) {
    await clock.advance(100);
    left.push(cluster.sessions.length);
  }
  expect(left).toEqual([2, 1, 0]);
  expect(clock.pending).toBe(0);
});

test("however many sessions live, the store waits with one timer; without any, with none", async () => {
  const { clock, cluster } = virtualCluster();
  const opened = await Promise.all(
    Array.from({ length: 100 }, (_, i) => open({ cluster, timeoutMs: 100 + i })),
  );
  expect(clock.pending).toBe(1);
  for (const { session } of opened) await session.renew(50);
  expect(clock.pending).toBe(1);
  for (const { session } of opened) await session.close();
  expect(clock.pending).toBe(0);
});

test("SES-1 the timeout is held within the cluster's limits", async () => {
  const cluster = new MemoryCluster({ minSessionTimeoutMs: 200, maxSessionTimeoutMs: 2000 });
  for (const [asked, granted] of [
    [1, 200],
    [700, 700],
    [9000, 2000],
  ] as const) {
    const { session } = await open({ cluster, timeoutMs: asked });
    expect(session.timeoutMs).toBe(granted);
    await session.close();
  }
});

test("SES-5 SES-6 expireSession ends one session for all, and tells its client", async () => {
  const { cluster } = virtualCluster();
  const victim = await open({ cluster });
  const other = await open({ cluster });
  await apply(victim.session, create("/e", { ephemeral: true }));
  expect(cluster.expireSession(victim.session.id)).toBe(true);
  expect(cluster.expireSession(victim.session.id)).toBe(false);
  expect(cluster.nodes).toBe(0);
  const refused = { code: "SESSION_LOST", outcome: "not-applied" };
  await expect(apply(victim.session, create("/p"))).rejects.toMatchObject(refused);
  await expect(victim.session.get("/p", linearizable)).rejects.toMatchObject(refused);
  await expect(victim.session.renew(100)).rejects.toMatchObject(refused);
  expect(victim.told).toEqual(["ended"]);
  expect(other.told).toEqual([]);
  await victim.session.close();
});

test("SES-6 close removes the ephemeral nodes in one commit, and abandon leaves them to expiry", async () => {
  const { clock, cluster } = virtualCluster();
  const closing = await open({ cluster });
  const leaving = await open({ cluster, timeoutMs: 1000 });
  const observer = await open({ cluster, timeoutMs: 60_000 });
  for (const { session } of [closing, leaving]) {
    await apply(session, create(`/${session.id}-a`, { ephemeral: true }));
    await apply(session, create(`/${session.id}-b`, { ephemeral: true }));
  }
  const before = await observer.session.commit([create("/mark")], undefined);
  expect(before).toHaveLength(1);
  await closing.session.close();
  expect(closing.told).toEqual([]);
  leaving.session.abandon();
  expect(cluster.nodes).toBe(3);
  await clock.advance(1000);
  expect(cluster.nodes).toBe(1);
  await observer.session.commit([create("/next")], undefined);
  const mark = await observer.session.get("/mark", linearizable);
  const next = await observer.session.get("/next", linearizable);
  // The close, the expiry and the creation of /next: one commit each.
  expect((next?.createRevision ?? 0n) - (mark?.createRevision ?? 0n)).toBe(3n);
});

test("SES-8 a restart keeps nodes and sessions, and their time starts anew", async () => {
  const { clock, cluster } = virtualCluster();
  const { session, told } = await open({ cluster, timeoutMs: 1000 });
  await apply(session, create("/e", { ephemeral: true }));
  await clock.advance(900);
  cluster.restart();
  expect(told).toEqual(["disconnected"]);
  await clock.advance(999);
  expect(await session.get("/e", linearizable)).toMatchObject({ ephemeralOwner: session.id });
  await clock.advance(1);
  expect(cluster.nodes).toBe(0);
  expect(told).toEqual(["disconnected", "ended"]);
});

test("on the process's clock, fake timers drive expiry", async () => {
  vi.useFakeTimers();
  const cluster = new MemoryCluster();
  const { session } = await open({ cluster, timeoutMs: 1000 });
  await vi.advanceTimersByTimeAsync(999);
  expect(cluster.sessions).toEqual([session.id]);
  await vi.advanceTimersByTimeAsync(1);
  expect(cluster.sessions).toEqual([]);
});

test("SES-2 a caller that never waits for anything else starves no renewal", async () => {
  const cluster = new MemoryCluster();
  const { session } = await open({ cluster });
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 0);
  // Without a turn for the event loop this would not end.
  while (turns < 3) await session.get("/", linearizable);
  clearInterval(timer);
  await session.close();
});

test("everything at one virtual time happens before the next, however much it is", async () => {
  const { clock, cluster } = virtualCluster();
  const { session } = await open({ cluster, timeoutMs: 60_000 });
  const order: string[] = [];
  clock.schedule(1, async () => {
    for (let i = 0; i < 5000; i++) await session.get("/", linearizable);
    order.push(`read@${clock.now()}`);
  });
  clock.schedule(2, () => order.push("next@2"));
  await clock.advance(2);
  expect(order).toEqual(["read@1", "next@2"]);
});

test("an aborted open leaves nothing behind, whether or not the store has heard of it", async () => {
  const { clock, cluster } = virtualCluster();
  const backend = memory({ cluster });
  backend.faults.delay(100);
  for (const abortAtMs of [50, 150]) {
    const controller = new AbortController();
    const observer = { disconnected: vi.fn(), ended: vi.fn() };
    const opening = backend.open({
      namespace: "/",
      sessionTimeoutMs: 5000,
      connectTimeoutMs: 10_000,
      signal: controller.signal,
      observer,
    });
    const rejected = expect(opening).rejects.toMatchObject({ code: "ABORTED" });
    await clock.advance(abortAtMs);
    expect(cluster.sessions).toHaveLength(abortAtMs === 150 ? 1 : 0);
    controller.abort();
    await rejected;
    await clock.advance(200);
    expect(cluster.sessions).toEqual([]);
    expect(observer.ended).not.toHaveBeenCalled();
  }
  expect(clock.pending).toBe(0);
});

test("options that make no sense are refused", () => {
  const wrong = { code: "INVALID_ARGUMENT" };
  const { clock, cluster } = virtualCluster();
  expect(() => memory({ cluster, clock })).toThrow(expect.objectContaining(wrong));
  expect(() => memory({ cluste: cluster } as object)).toThrow(expect.objectContaining(wrong));
  expect(() => new MemoryCluster({ minSessionTimeoutMs: 0 })).toThrow(expect.objectContaining(wrong));
  expect(() => new MemoryCluster({ minSessionTimeoutMs: 10, maxSessionTimeoutMs: 5 })).toThrow(
    expect.objectContaining(wrong),
  );
});
