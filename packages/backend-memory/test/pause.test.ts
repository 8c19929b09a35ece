import { expect, test } from "vitest";
import { apply, create, linearizable, open, outcomeOf, set, virtualCluster, watchTexts } from "./support.js";

test("while paused the client's clock goes on, but its timers wait; on resume those due run late, in order", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend } = await open({ cluster });
  const ran: string[] = [];
  const note = (name: string) => () => ran.push(`${name}@${backend.clock.now()}`);
  backend.clock.schedule(200, note("second"));
  backend.clock.schedule(100, note("first"));
  backend.clock.schedule(900, note("later"));
  const cancel = backend.clock.schedule(150, note("cancelled"));
  backend.faults.pause();
  await clock.advance(500);
  expect(ran).toEqual([]);
  expect(backend.clock.now()).toBe(500);
  cancel();
  backend.faults.resume();
  await clock.advance(0);
  expect(ran).toEqual(["first@500", "second@500"]);
  await clock.advance(400);
  expect(ran.at(-1)).toBe("later@900");
});

test("another client of the cluster is not paused", async () => {
  const { clock, cluster } = virtualCluster();
  const paused = await open({ cluster });
  const other = await open({ cluster });
  paused.backend.faults.pause();
  const ran: number[] = [];
  other.backend.clock.schedule(10, () => ran.push(clock.now()));
  await clock.advance(10);
  expect(ran).toEqual([10]);
  expect(await other.session.get("/", linearizable)).toBeDefined();
});

test("what was sent before the pause still arrives; its reply, and what watches tell, wait for resume", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster, timeoutMs: 60_000 });
  const seen = watchTexts(session, "/n");
  await clock.advance(0);
  backend.faults.delay(50);
  const write = outcomeOf(apply(session, create("/n")));
  await clock.advance(10);
  backend.faults.pause();
  await clock.advance(500);
  expect(cluster.nodes).toBe(1);
  expect(write.now()).toBe("pending");
  expect(seen).toEqual([undefined]);
  backend.faults.resume();
  await clock.advance(0);
  expect(write.now()).toMatchObject([{ type: "create", path: "/n" }]);
  expect(seen).toEqual([undefined, ""]);
});

test("timers that fell due run before what has come in is received", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster, timeoutMs: 60_000 });
  const order: string[] = [];
  backend.faults.delay(10);
  void session.get("/", linearizable).then(() => order.push("reply"));
  backend.clock.schedule(500, () => order.push("timer"));
  backend.faults.pause();
  await clock.advance(1000);
  backend.faults.resume();
  await clock.advance(0);
  expect(order).toEqual(["timer", "reply"]);
});

test("a call made on behalf of a paused client leaves on resume", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster, timeoutMs: 60_000 });
  backend.faults.pause();
  const write = outcomeOf(apply(session, create("/n")));
  await clock.advance(100);
  expect(cluster.nodes).toBe(0);
  backend.faults.resume();
  await clock.advance(0);
  expect(write.now()).toMatchObject([{ path: "/n" }]);
});

test("SES-6 a session whose client is paused too long expires, and the client hears of it on resume", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session, told } = await open({ cluster, timeoutMs: 1000 });
  const other = await open({ cluster, timeoutMs: 60_000 });
  await apply(session, create("/e", { ephemeral: true }));
  backend.faults.pause();
  await clock.advance(1000);
  expect(await other.session.get("/e", linearizable)).toBeUndefined();
  expect(told).toEqual([]);
  backend.faults.resume();
  await clock.advance(0);
  expect(told).toEqual(["ended"]);
  await expect(apply(session, create("/p"))).rejects.toMatchObject({ code: "SESSION_LOST" });
});

test("a connection that breaks during the pause is noticed on resume, and replaced", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session, told } = await open({ cluster, timeoutMs: 60_000 });
  const other = await open({ cluster, timeoutMs: 60_000 });
  const seen = watchTexts(session, "/n");
  await clock.advance(0);
  backend.faults.pause();
  backend.faults.cut();
  const read = outcomeOf(session.get("/", linearizable));
  await apply(other.session, create("/n"));
  await apply(other.session, set("/n", "meanwhile"));
  await clock.advance(100);
  expect(told).toEqual([]);
  expect(read.now()).toBe("pending");
  backend.faults.resume();
  await clock.advance(0);
  expect(told).toEqual(["disconnected"]);
  expect(read.now()).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
  expect(seen).toEqual([undefined, "meanwhile"]);
});

test("a pause within the resume of another holds what has not run yet", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend } = await open({ cluster });
  const ran: string[] = [];
  backend.clock.schedule(10, () => {
    ran.push("first");
    backend.faults.pause();
  });
  backend.clock.schedule(20, () => ran.push("second"));
  backend.faults.pause();
  await clock.advance(100);
  backend.faults.resume();
  await clock.advance(100);
  expect(ran).toEqual(["first"]);
  backend.faults.resume();
  await clock.advance(0);
  expect(ran).toEqual(["first", "second"]);
});
