import type { Child } from "@conclave/api/backend";
import { expect, test, vi } from "vitest";
import {
  apply,
  bytes,
  create,
  del,
  linearizable,
  open,
  set,
  text,
  virtualCluster,
  watchTexts,
} from "./support.js";

interface Told {
  readonly events: string[];
  readonly sink: {
    snapshot(children: readonly Child[] | undefined): void;
    changed(child: Child): void;
    removed(name: string): void;
    failed(error: Error): void;
  };
}

function recorder(): Told {
  const events: string[] = [];
  const sink = {
    snapshot: (children: readonly Child[] | undefined) =>
      events.push(`= ${children?.map((child) => child.name).sort() ?? "none"}`),
    changed: (child: Child) => events.push(`+ ${child.name}`),
    removed: (name: string) => events.push(`- ${name}`),
    failed: (error: Error) => events.push(`! ${error.message}`),
  };
  return { events, sink };
}

test("WATCH-1 WATCH-2 a node's states, from its absence on, in order", async () => {
  const { clock, cluster } = virtualCluster();
  const { session } = await open({ cluster });
  const seen = watchTexts(session, "/n");
  await apply(session, create("/n", { data: bytes("a") }));
  await apply(session, set("/n", "b"));
  await apply(session, del("/n"));
  await clock.advance(0);
  expect(seen).toEqual([undefined, "a", "b", undefined]);
  expect(cluster.requests.of("watch")).toBe(1);
  expect(cluster.requests.notifications).toBe(3);
});

test("children: a listing, then changes; names alone don't hear of data", async () => {
  const { clock, cluster } = virtualCluster();
  const { session } = await open({ cluster });
  await session.commit([create("/d"), create("/d/a")], undefined);
  const names = recorder();
  const nodes = recorder();
  session.watchChildren("/d", names.sink);
  session.watchChildNodes("/d", nodes.sink);
  await apply(session, create("/d/b"));
  await apply(session, set("/d/a", "x"));
  await apply(session, set("/d", "x"));
  await session.commit([del("/d/a"), del("/d/b"), del("/d")], undefined);
  await session.commit([create("/d"), create("/d/c")], undefined);
  await clock.advance(0);
  expect(names.events).toEqual(["= a", "+ b", "- a", "- b", "= none", "= c", "+ c"]);
  expect(nodes.events).toEqual(["= a", "+ b", "+ a", "- a", "- b", "= none", "= c", "+ c"]);
});

test("the root is nobody's child", async () => {
  const { clock, cluster } = virtualCluster();
  const { session } = await open({ cluster });
  const told = recorder();
  session.watchChildNodes("/", told.sink);
  await apply(session, set("/", "x"));
  await apply(session, create("/a"));
  await clock.advance(0);
  expect(told.events).toEqual(["= ", "+ a"]);
});

test("TXN-2 a watcher that reads sees the whole of a transaction", async () => {
  const { clock, cluster } = virtualCluster();
  const { session } = await open({ cluster });
  const found: unknown[] = [];
  session.watchNode("/a", {
    state: (node) => {
      if (node) void session.get("/b", linearizable).then((b) => found.push(b?.path));
    },
    failed: () => {},
  });
  await session.commit([create("/a"), create("/b")], undefined);
  await clock.advance(0);
  expect(found).toEqual(["/b"]);
});

test("WATCH-4 after a gap the state is reported whole; a watch begun during it starts then", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster, timeoutMs: 60_000 });
  const other = await open({ cluster, timeoutMs: 60_000 });
  await session.commit([create("/d"), create("/d/a")], undefined);
  const told = recorder();
  session.watchChildren("/d", told.sink);
  await clock.advance(0);
  backend.faults.refuse();
  const begun = watchTexts(session, "/d/b");
  await other.session.commit([del("/d/a"), create("/d/b")], undefined);
  await clock.advance(100);
  expect(told.events).toEqual(["= a"]);
  backend.faults.accept();
  await clock.advance(0);
  expect(told.events).toEqual(["= a", "= b"]);
  expect(begun).toEqual([""]);
  await apply(other.session, set("/d/b", "x"));
  await clock.advance(0);
  expect(begun).toEqual(["", "x"]);
});

test("a black hole delays what watches tell, without loss", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster, timeoutMs: 60_000 });
  const other = await open({ cluster, timeoutMs: 60_000 });
  const seen = watchTexts(session, "/n");
  await clock.advance(0);
  backend.faults.blackHole();
  await apply(other.session, create("/n"));
  await apply(other.session, set("/n", "x"));
  await clock.advance(100);
  expect(seen).toEqual([undefined]);
  backend.faults.heal();
  await clock.advance(0);
  expect(seen).toEqual([undefined, "", "x"]);
});

test("a stopped watch is told nothing more, not even what was on its way", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster, timeoutMs: 60_000 });
  const states = vi.fn();
  const stop = session.watchNode("/n", { state: states, failed: states });
  await clock.advance(0);
  expect(states).toHaveBeenCalledTimes(1);
  backend.faults.delay(10);
  const created = apply(session, create("/n"));
  await clock.advance(15);
  stop();
  stop();
  await clock.advance(100);
  await created;
  expect(states).toHaveBeenCalledTimes(1);
  expect(cluster.requests.notifications).toBe(0);
});

test("a watch stopped before it was set is never set", async () => {
  const { clock, cluster } = virtualCluster();
  const { session } = await open({ cluster });
  const states = vi.fn();
  session.watchNode("/n", { state: states, failed: states })();
  await apply(session, create("/n"));
  await clock.advance(0);
  expect(states).not.toHaveBeenCalled();
});

test("a change costs one notification for each watcher of it, however many watch elsewhere", async () => {
  const { clock, cluster } = virtualCluster();
  const { session } = await open({ cluster });
  for (let i = 0; i < 100; i++) watchTexts(session, `/n${i}`);
  const told = recorder();
  session.watchChildren("/", told.sink);
  await clock.advance(0);
  cluster.requests.reset();
  await apply(session, create("/n7"));
  await clock.advance(0);
  expect(cluster.requests.notifications).toBe(2);
  expect(cluster.requests.total).toBe(1);
});

test("WATCH-7 a consumer that throws harms no other, and its error comes out", async () => {
  const { clock, cluster } = virtualCluster();
  const { session } = await open({ cluster });
  const later = vi.spyOn(globalThis, "queueMicrotask").mockImplementation(() => {});
  const state = () => {
    throw new Error("from a consumer");
  };
  session.watchNode("/n", { state, failed: () => {} });
  const seen = watchTexts(session, "/n");
  await clock.advance(0);
  const [rethrow] = later.mock.calls.map(([run]) => run);
  later.mockRestore();
  expect(seen).toEqual([undefined]);
  expect(rethrow).toThrow("from a consumer");
});

test("what a watch delivers is a copy", async () => {
  const { clock, cluster } = virtualCluster();
  const { session } = await open({ cluster });
  await apply(session, create("/n", { data: bytes("kept") }));
  const overwrite = {
    state: (node: { data: Uint8Array } | undefined) => node?.data.fill(0),
    failed: () => {},
  };
  session.watchNode("/n", overwrite);
  await clock.advance(0);
  expect(text(await session.get("/n", linearizable))).toBe("kept");
});
