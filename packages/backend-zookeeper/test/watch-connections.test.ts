import type { Child, ChildNode } from "@conclave/api/backend";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { make, named, open, proxied, told, until } from "./directory-support.js";
import { startOldServer } from "./old-server.js";
import { bytes, collect, collectChildren, create, remove, set, text } from "./support.js";

/* Watches over several connections, and on servers of several kinds. */

/** For work that keeps this process from answering for a while. */
const long = { sessionTimeoutMs: 20_000 } as const;

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper({ maxSessionTimeoutMs: 20_000 });
});
afterAll(() => server.stop());

describe("new connections", () => {
  test("WATCH-4 bring a whole listing, without what went meanwhile, and changes after that one by one", async () => {
    const proxy = await proxied(server);
    const { session: writer } = await open(server.url);
    await make(writer, "/cut/a", "/cut/b");
    const { session, disconnections } = await open(proxy.url);
    const [nodes, names] = [collectChildren<ChildNode>(), collectChildren<Child>()];
    session.watchChildNodes("/cut", nodes);
    session.watchChildren("/cut", names);
    await until(() => nodes.view !== undefined && names.view !== undefined);
    await proxy.refuse();
    await until(() => disconnections.length === 1);
    await writer.commit([set("/cut/a", "2")], undefined);
    await writer.commit([remove("/cut/b")], undefined);
    await make(writer, "/cut/c");
    await proxy.accept();
    await until(() => told(nodes.view) === "a=2,c=" && named(names.view) === "a,c");
    expect([nodes.log, names.log]).toEqual([
      ["snapshot", "snapshot"],
      ["snapshot", "snapshot"],
    ]);
    await make(writer, "/cut/d");
    await until(() => named(nodes.view) === "a,c,d" && named(names.view) === "a,c,d");
    expect(disconnections).toHaveLength(1);
  });

  test("WATCH-4 set 10,000 watches again, without a gap and without a second disconnection", async () => {
    const proxy = await proxied(server);
    const { session: writer } = await open(server.url, long);
    const count = 10_000;
    const directories = 200;
    const at = (i: number) => `/many/d${i % directories}/n${i}`;
    await make(writer, ...Array.from({ length: directories }, (_, i) => `/many/d${i}`));
    await Promise.all(Array.from({ length: count }, (_, i) => writer.commit([create(at(i))], undefined)));
    const { session, disconnections, ends } = await open(proxy.url, long);
    const nodes = Array.from({ length: count }, (_, i) => {
      const sink = collect();
      session.watchNode(at(i), sink);
      return sink;
    });
    const views = Array.from({ length: directories }, (_, i) => {
      const sink = collectChildren<Child>();
      session.watchChildren(`/many/d${i}`, sink);
      return sink;
    });
    await until(
      () => nodes.every(({ states }) => states.length > 0) && views.every(({ view }) => view !== undefined),
    );

    await proxy.refuse();
    await until(() => disconnections.length === 1);
    const all = Array.from({ length: count }, (_, i) => i);
    // Some while it is away, all others while it returns and afterwards.
    const missed = all.filter((i) => i % 10 === 0);
    await Promise.all(missed.map((i) => writer.commit([set(at(i), "1")], undefined)));
    await proxy.accept();
    await Promise.all(
      all.filter((i) => i % 10 !== 0).map((i) => writer.commit([set(at(i), "1")], undefined)),
    );
    await make(writer, ...Array.from({ length: directories }, (_, i) => `/many/d${i}/new`));
    await until(
      () =>
        nodes.every(({ states }) => states.at(-1)?.version === 1) &&
        views.every(({ view }) => view?.has("new")),
    );
    expect(disconnections).toHaveLength(1);
    expect(ends).toEqual([]);
  }, 60_000);
});

test("WATCH-2 WATCH-3 views and watches that come and go while connections are cut and others write end in the right state", async () => {
  const proxy = await proxied(server);
  const { session: writer } = await open(server.url);
  const { session, ends } = await open(proxy.url);
  await make(writer, "/churn");
  let going = true;
  const write = async (k: number) => {
    const at = `/churn/${k}`;
    for (let i = 0; going; i++) {
      await writer.commit([create(at, { data: bytes(`${i}`) })], undefined);
      for (let j = 0; j < 5; j++) await writer.commit([set(at, `${i}.${j}`)], undefined);
      await writer.commit([remove(at)], undefined);
    }
    if (k % 2 === 0) await writer.commit([create(at, { data: bytes("end") })], undefined);
  };
  const writers = Promise.all(Array.from({ length: 6 }, (_, k) => write(k)));
  const start = () => {
    const [nodes, names] = [collectChildren<ChildNode>(), collectChildren<Child>()];
    const [of, own] = [Array.from({ length: 6 }, collect), collect()];
    const stops = [
      session.watchChildNodes("/churn", nodes),
      session.watchChildren("/churn", names),
      ...of.map((sink, k) => session.watchNode(`/churn/${k}`, sink)),
      session.watchNode("/churn", own),
    ];
    return { nodes, names, of, own, stop: () => stops.map((stop) => stop()) };
  };
  const kept = [start()];
  for (let cut = 0; cut < 5; cut++) {
    const passing = start();
    await until(() => passing.nodes.log.length > 5 && passing.of.every(({ states }) => states.length > 5));
    await proxy.refuse();
    kept.push(start());
    await proxy.accept();
    passing.stop();
    await session.renew(2_000);
  }
  going = false;
  await writers;
  const wanted = "0=end,2=end,4=end";
  for (const { nodes, names, of, own } of kept) {
    await until(() => told(nodes.view) === wanted && named(names.view) === "0,2,4");
    await until(() => of.every(({ states }, k) => text(states.at(-1)?.data) === (k % 2 === 0 ? "end" : "")));
    await until(() => own.states.length > 0);
    // Of each node never an older state after a newer one.
    for (const { states } of of) {
      const revisions = states.flatMap((node) => (node === undefined ? [] : [Number(node.modRevision)]));
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    }
    expect([...nodes.failures, ...names.failures, ...of.flatMap(({ failures }) => failures)]).toEqual([]);
  }
  expect(ends).toEqual([]);
}, 60_000);

test("70,000 reads at once are all answered: none is refused, which would look like a lost connection", async () => {
  const { session, disconnections } = await open(server.url, long);
  const reads = Array.from({ length: 70_000 }, () => session.get("/", { linearizable: false }));
  await Promise.all(reads);
  expect(disconnections).toEqual([]);
}, 60_000);

describe("servers without persistent watches", () => {
  test("before 3.6 end the connection once in a session, however many directories are watched", async () => {
    const old = await startOldServer(server.url);
    onTestFinished(() => old.close());
    const { session, disconnections } = await open(old.url);
    await make(session, "/old/a/b", "/old/c");
    const sinks = ["/old", "/old/a", "/old/c"].map((path) => {
      const [nodes, names] = [collectChildren<ChildNode>(), collectChildren<Child>()];
      session.watchChildNodes(path, nodes);
      session.watchChildren(path, names);
      return [nodes, names];
    });
    await until(() => sinks.flat().every(({ view }) => view !== undefined));
    expect(disconnections).toHaveLength(1);
    expect(old.refused()).toBeGreaterThan(0);
    await make(session, "/old/a/d", "/old/c/d", "/old/d");
    await until(() => sinks.flat().every(({ view }) => view?.has("d")));
    const later = collectChildren<Child>();
    session.watchChildren("/old/a/d", later);
    await until(() => later.view !== undefined);
    expect(disconnections).toHaveLength(1);
  });

  test("for their optimized watch manager are followed by one-shot watches", async () => {
    const watchManager = "org.apache.zookeeper.server.watch.WatchManagerOptimized";
    const optimized = await startZooKeeper({ jvmArgs: [`-Dzookeeper.watchManagerName=${watchManager}`] });
    onTestFinished(() => optimized.stop());
    const { session, disconnections } = await open(optimized.url);
    await make(session, "/optimized/a");
    const [nodes, names] = [collectChildren<ChildNode>(), collectChildren<Child>()];
    session.watchChildNodes("/optimized", nodes);
    session.watchChildren("/optimized", names);
    await until(() => named(nodes.view) === "a" && named(names.view) === "a");
    await session.commit([set("/optimized/a", "1")], undefined);
    await make(session, "/optimized/b");
    await until(() => told(nodes.view) === "a=1,b=" && named(names.view) === "a,b");
    expect([...disconnections, ...nodes.failures, ...names.failures]).toEqual([]);
  }, 60_000);
});
