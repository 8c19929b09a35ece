import { memory } from "@conclave/backend-memory";
import { expect, test } from "vitest";
import {
  apply,
  create,
  linearizable,
  nearest,
  open,
  outcomeOf,
  set,
  virtualCluster,
  watchTexts,
} from "./support.js";

const lostUnknown = { code: "CONNECTION_LOST", outcome: "unknown" };
const lostNotApplied = { code: "CONNECTION_LOST", outcome: "not-applied" };

test("cut: what is under way is unknown, and contact comes back by itself", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session, told } = await open({ cluster });
  const underWay = session.get("/", linearizable);
  backend.faults.cut();
  const between = session.get("/", linearizable);
  expect(told).toEqual(["disconnected"]);
  await expect(underWay).rejects.toMatchObject(lostUnknown);
  await expect(between).rejects.toMatchObject(lostNotApplied);
  expect(await session.renew(100)).toBe(clock.now());
  expect(await session.get("/", linearizable)).toMatchObject({ path: "/" });
  expect(cluster.requests.of("connect")).toBe(1);
});

test("a request on its way when contact breaks never arrives; one whose reply is on its way has been applied", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster, timeoutMs: 60_000 });
  backend.faults.delay(50);
  const early = outcomeOf(apply(session, create("/early")));
  await clock.advance(30);
  const late = outcomeOf(apply(session, create("/late")));
  await clock.advance(30);
  backend.faults.cut();
  backend.faults.delay(0);
  await clock.advance(100);
  expect(early.now()).toMatchObject(lostUnknown);
  expect(late.now()).toMatchObject(lostUnknown);
  expect(await session.get("/early", linearizable)).toMatchObject({ path: "/early" });
  expect(await session.get("/late", linearizable)).toBeUndefined();
});

test("refuse: nothing connects until accept, and a renewal waits for it", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session, told } = await open({ cluster, timeoutMs: 10_000 });
  backend.faults.refuse();
  expect(told).toEqual(["disconnected"]);
  await expect(apply(session, create("/n"))).rejects.toMatchObject(lostNotApplied);
  await expect(apply(session, create("/n", { ephemeral: true }))).rejects.toMatchObject(lostNotApplied);
  const entry = { label: "lock", data: new Uint8Array(0) } as const;
  await expect(session.enqueue("/line", entry, nearest)).rejects.toMatchObject(lostNotApplied);
  const tooShort = outcomeOf(session.renew(100));
  const longEnough = outcomeOf(session.renew(1000));
  await clock.advance(99);
  expect(tooShort.now()).toBe("pending");
  await clock.advance(1);
  expect(tooShort.now()).toMatchObject(lostNotApplied);
  await clock.advance(200);
  backend.faults.accept();
  await clock.advance(0);
  expect(longEnough.now()).toBe(300);
  // The renewal that had timed out was not sent later.
  expect(cluster.requests.of("renew")).toBe(1);
});

test("while refused, open says so; a black hole keeps it waiting", async () => {
  const { clock, cluster } = virtualCluster();
  const backend = memory({ cluster });
  const openNow = () =>
    backend.open({
      namespace: "/",
      sessionTimeoutMs: 1000,
      connectTimeoutMs: 10_000,
      signal: new AbortController().signal,
      observer: { disconnected: () => {}, ended: () => {} },
    });
  backend.faults.refuse();
  await expect(openNow()).rejects.toMatchObject({ code: "CONNECT_FAILED", message: /refuses/ });
  backend.faults.accept();
  backend.faults.blackHole();
  const opening = outcomeOf(openNow());
  await clock.advance(5000);
  expect(opening.now()).toBe("pending");
  backend.faults.heal();
  await clock.advance(0);
  expect(opening.now()).toMatchObject({ timeoutMs: 1000, openedAtMs: 0 });
});

test("an attempt to open of which the connection goes half-open is given up, and leaves nothing", async () => {
  const { clock, cluster } = virtualCluster();
  const backend = memory({ cluster });
  backend.faults.delay(10);
  const opening = outcomeOf(
    backend.open({
      namespace: "/",
      sessionTimeoutMs: 100_000,
      connectTimeoutMs: 10_000,
      signal: new AbortController().signal,
      observer: { disconnected: () => {}, ended: () => {} },
    }),
  );
  // The store has opened it, and its reply is on the way.
  await clock.advance(15);
  expect(cluster.sessions).toHaveLength(1);
  backend.faults.halfOpen();
  await clock.advance(10_000);
  expect(opening.now()).toMatchObject({ code: "CONNECT_FAILED" });
  expect(cluster.sessions).toEqual([]);
  expect(clock.pending).toBe(0);
});

test("SES-5 blackHole: nothing errs, and a write that arrives after the session's end is refused", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session, told } = await open({ cluster, timeoutMs: 1000 });
  backend.faults.blackHole();
  const write = outcomeOf(apply(session, create("/late")));
  await clock.advance(5000);
  expect(write.now()).toBe("pending");
  expect(told).toEqual([]);
  backend.faults.heal();
  await clock.advance(0);
  expect(write.now()).toMatchObject({ code: "SESSION_LOST", outcome: "not-applied" });
  expect(told).toEqual(["ended"]);
  expect(cluster.nodes).toBe(0);
});

test("blackHole, replies only: the store gets and applies everything, the client hears nothing", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster, timeoutMs: 60_000 });
  backend.faults.blackHole({ only: "replies" });
  const write = outcomeOf(apply(session, create("/n")));
  await clock.advance(100);
  expect([cluster.nodes, write.now()]).toEqual([1, "pending"]);
  backend.faults.blackHole({ only: "requests" });
  const second = outcomeOf(apply(session, create("/m")));
  await clock.advance(100);
  expect(write.now()).toMatchObject([{ path: "/n" }]);
  expect([cluster.nodes, second.now()]).toEqual([1, "pending"]);
  backend.faults.heal();
  await clock.advance(0);
  expect(second.now()).toMatchObject([{ path: "/m" }]);
});

test("SES-7 a renewal that gets no answer gives the connection up, and the session goes on after heal", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session, told } = await open({ cluster, timeoutMs: 10_000 });
  const seen = watchTexts(session, "/n");
  const other = await open({ cluster, timeoutMs: 60_000 });
  backend.faults.blackHole();
  const write = outcomeOf(apply(session, create("/held")));
  const renewal = outcomeOf(session.renew(300));
  await clock.advance(300);
  expect(renewal.now()).toMatchObject(lostUnknown);
  expect(write.now()).toMatchObject(lostUnknown);
  expect(told).toEqual(["disconnected"]);
  await apply(other.session, create("/n"));
  await apply(other.session, set("/n", "while away"));
  const second = outcomeOf(session.renew(5000));
  await clock.advance(1000);
  backend.faults.heal();
  await clock.advance(0);
  expect(second.now()).toBe(1300);
  expect(await session.get("/held", linearizable)).toBeUndefined();
  expect(seen.at(-1)).toBe("while away");
  await clock.advance(5000);
  expect(clock.pending).toBe(1);
});

test("halfOpen: an attempt to open a session is given up when it gets no answer, so that another can be made", async () => {
  const { clock, cluster } = virtualCluster();
  const backend = memory({ cluster });
  backend.faults.delay(10);
  const opening = stateOfOpening(backend);
  await clock.advance(5);
  backend.faults.halfOpen();
  await clock.advance(2_000);
  expect(opening.code).toBe("CONNECT_FAILED");
  expect(clock.pending).toBe(0);
});

test("halfOpen: nothing errs until a renewal gets no answer; then a new connection works", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session, told } = await open({ cluster, timeoutMs: 10_000 });
  backend.faults.halfOpen();
  const write = outcomeOf(apply(session, create("/n")));
  const renewal = outcomeOf(session.renew(500));
  cluster.restart();
  await clock.advance(499);
  expect([write.now(), renewal.now(), told]).toEqual(["pending", "pending", []]);
  await clock.advance(1);
  expect(write.now()).toMatchObject(lostUnknown);
  expect(renewal.now()).toMatchObject(lostUnknown);
  expect(told).toEqual(["disconnected"]);
  expect(await session.renew(500)).toBe(500);
  expect(cluster.nodes).toBe(0);
});

test("delay: a request takes it twice, and order is kept when it shrinks", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster });
  backend.faults.delay(50);
  const order: string[] = [];
  void session.get("/", linearizable).then(() => order.push(`slow@${clock.now()}`));
  backend.faults.delay(0);
  void session.get("/", linearizable).then(() => order.push(`fast@${clock.now()}`));
  const renewal = outcomeOf(session.renew(1000));
  await clock.advance(100);
  expect(order).toEqual(["slow@50", "fast@50"]);
  expect(renewal.now()).toBe(0);
  backend.faults.delay(30);
  const both = outcomeOf(session.get("/", linearizable));
  await clock.advance(59);
  expect(both.now()).toBe("pending");
  await clock.advance(1);
  expect(both.now()).toMatchObject({ path: "/" });
});

test("SES-9 a session that ended while contact was lost is said to be over once there is contact", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session, told } = await open({ cluster, timeoutMs: 1000 });
  backend.faults.refuse();
  const renewal = outcomeOf(session.renew(60_000));
  await clock.advance(2000);
  expect(told).toEqual(["disconnected"]);
  backend.faults.accept();
  await clock.advance(0);
  expect(told).toEqual(["disconnected", "ended"]);
  expect(renewal.now()).toMatchObject({ code: "SESSION_LOST" });
  session.abandon();
  await clock.advance(60_000);
  expect(clock.pending).toBe(0);
});

test("abandon leaves no timer of what is on its way, and no attempt to connect", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster, timeoutMs: 1000 });
  backend.faults.delay(50_000);
  const read = outcomeOf(session.get("/", linearizable));
  await clock.advance(0);
  expect(clock.pending).toBe(2);
  backend.faults.cut();
  backend.faults.delay(0);
  backend.faults.blackHole();
  await clock.advance(0);
  session.abandon();
  backend.faults.heal();
  await clock.advance(1000);
  expect(read.now()).toMatchObject(lostUnknown);
  expect(cluster.requests.of("connect")).toBe(0);
  expect(clock.pending).toBe(0);
});

test("abandon settles what is under way, and nothing is reported afterwards", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session, told } = await open({ cluster, timeoutMs: 1000 });
  const seen = watchTexts(session, "/n");
  await clock.advance(0);
  backend.faults.blackHole();
  const pending = [
    outcomeOf(session.get("/", linearizable)),
    outcomeOf(session.enqueue("/line", { label: "lock", data: new Uint8Array(0) }, nearest)),
    outcomeOf(session.renew(500)),
  ];
  session.abandon();
  session.abandon();
  await clock.advance(0);
  for (const one of pending) expect(one.now()).toMatchObject({ code: "CONNECTION_LOST" });
  backend.faults.heal();
  cluster.restart();
  await clock.advance(2000);
  expect(told).toEqual([]);
  expect(seen).toEqual([undefined]);
  expect(clock.pending).toBe(0);
});

function stateOfOpening(backend: ReturnType<typeof memory>): { code: unknown } {
  const state: { code: unknown } = { code: "pending" };
  const observer = { disconnected: () => {}, ended: () => {} };
  const { signal } = new AbortController();
  backend
    .open({ namespace: "/", sessionTimeoutMs: 1_000, connectTimeoutMs: 1_000, signal, observer })
    .catch((error: { code?: unknown }) => {
      state.code = error.code;
    });
  return state;
}
