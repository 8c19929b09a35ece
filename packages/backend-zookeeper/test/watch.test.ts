import type { ChildNode, Node } from "@conclave/api/backend";
import {
  fourLetterWord,
  remoteControl,
  spawnNode,
  startProxy,
  startZooKeeper,
  type TestServer,
} from "@conclave/test-servers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startOldServer } from "./old-server.js";
import { bytes, collect, create, openSession, provableDrivers, remove, set, text, until } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());

/** How many watches the server holds, of all sessions. */
async function watchesAtServer(): Promise<number> {
  const answer = await fourLetterWord(server.host, server.port, "wchs", 2_000);
  return Number(/Total watches:([0-9]+)/.exec(answer)?.[1]);
}

const drivers = provableDrivers();

const settings = [
  { name: "typescript driver", driver: "typescript", old: false },
  { name: "typescript driver, server before 3.6", driver: "typescript", old: true },
  { name: "native driver", driver: "native", old: false },
] as const;

describe.each(settings.filter(({ driver }) => drivers.includes(driver)))("$name", ({ driver, old }) => {
  let hosts: string;
  let namespace: string;
  let target: { readonly host: string; readonly port: number };
  beforeAll(async () => {
    namespace = `/${driver}-${old}`;
    target = server;
    hosts = server.url;
    if (!old) return;
    const proxy = await startOldServer(server.url);
    hosts = proxy.url;
    target = { host: "127.0.0.1", port: Number(hosts.split(":")[1]) };
    return () => proxy.close();
  });

  const open = (url: string) => openSession(url, { driver, namespace });

  async function proxied() {
    const proxy = await startProxy({ target });
    onTestFinished(() => proxy.close());
    return proxy;
  }

  test("WATCH-2 WATCH-3 3,000 changes over two disconnections: in order, never back, the last one delivered", async () => {
    const proxy = await proxied();
    const watcher = await open(proxy.url);
    const { session: writer } = await open(hosts);
    await writer.commit([create("/busy")], undefined);
    const sink = collect();
    watcher.session.watchNode("/busy", sink);
    await until(() => sink.states.length > 0);

    const change = (count: number) =>
      Promise.all(Array.from({ length: count }, () => writer.commit([set("/busy", "x")], undefined)));
    await change(500);
    for (let cut = 0; cut < 2; cut++) {
      const seen = sink.states.length;
      await proxy.refuse();
      await change(1_000);
      await proxy.accept();
      await watcher.session.renew(2_000);
      await until(() => sink.states.length > seen);
      await change(250);
    }
    const last = await writer.commit([set("/busy", "last")], undefined);

    await until(() => text(sink.states.at(-1)?.data) === "last");
    const versions = sink.states.map((node) => node?.version ?? -1);
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(versions.at(-1)).toBe(3_001);
    expect(last[0]).toMatchObject({ version: 3_001 });
    expect(watcher.disconnections).toHaveLength(2);
    expect(sink.failures).toEqual([]);
  });

  test("WATCH-3 creation, change and deletion are seen, and what happened in a gap is not missed", async () => {
    const proxy = await proxied();
    const watcher = await open(proxy.url);
    const { session: writer } = await open(hosts);
    const sink = collect();
    watcher.session.watchNode("/comes", sink);
    await until(() => sink.states.length === 1);
    expect(sink.states).toEqual([undefined]);

    await writer.commit([create("/comes")], undefined);
    await until(() => sink.states.at(-1)?.version === 0);
    await proxy.refuse();
    await writer.commit([remove("/comes")], undefined);
    await writer.commit([create("/comes", { data: bytes("again") })], undefined);
    await proxy.accept();
    await until(() => text(sink.states.at(-1)?.data) === "again");
    await writer.commit([remove("/comes")], undefined);
    await until(() => sink.states.at(-1) === undefined);
  });

  test("any number of watches on one node, also cancelled ones, are one watch of the server", async () => {
    const { session } = await open(hosts);
    await session.commit([create("/shared", { parents: true })], undefined);
    const before = await watchesAtServer();
    const kept = collect();
    session.watchNode("/shared", kept);
    for (let i = 0; i < 50; i++) {
      const sink = collect();
      const stop = session.watchNode("/shared", sink);
      await until(() => sink.states.length > 0);
      stop();
    }
    expect(await watchesAtServer()).toBe(before + 1);

    // It fires, once, for those who still watch, and stands again.
    await session.commit([set("/shared", "1")], undefined);
    await until(() => kept.states.at(-1)?.version === 1);
    expect(await watchesAtServer()).toBe(before + 1);
  });

  test("a watch that is given up when its node turns out to be missing leaves nothing at the server", async () => {
    const { session } = await open(hosts);
    const before = await watchesAtServer();
    for (let i = 0; i < 20; i++) {
      await new Promise<void>((resolve, reject) => {
        const stop = session.watchNode(`/gone-${i}`, {
          state: (node) => {
            if (node === undefined) queueMicrotask(() => resolve(stop()));
          },
          failed: reject,
        });
      });
    }
    await session.get("/", { linearizable: true });
    expect(await watchesAtServer()).toBe(before);
  });

  test("WATCH-3 the children of a node with their data: missing parent, additions, changes, removals, a gap", async () => {
    const proxy = await proxied();
    const watcher = await open(proxy.url);
    const { session: writer } = await open(hosts);
    let snapshots = 0;
    let view: Map<string, Node> | undefined;
    watcher.session.watchChildNodes("/members", {
      snapshot(children) {
        snapshots++;
        view = children && new Map(children.map(({ name, node }) => [name, node]));
      },
      changed: ({ name, node }: ChildNode) => view?.set(name, node),
      removed: (name) => view?.delete(name),
      failed: (error) => expect.unreachable(error.message),
    });
    const shows = (expected: Record<string, string> | undefined) =>
      until(() => {
        const now = view && [...view].map(([name, node]) => `${name}=${text(node.data)}`).sort();
        const wanted = expected && Object.entries(expected).map(([name, value]) => `${name}=${value}`);
        return JSON.stringify(now) === JSON.stringify(wanted);
      });

    await until(() => snapshots === 1);
    await shows(undefined);
    await writer.commit([create("/members")], undefined);
    await shows({});
    await writer.commit([create("/members/a", { data: bytes("1") })], undefined);
    await writer.commit([create("/members/b", { data: bytes("1") })], undefined);
    await shows({ a: "1", b: "1" });
    await writer.commit([set("/members/a", "2")], undefined);
    await shows({ a: "2", b: "1" });
    const beforeGap = snapshots;

    await proxy.refuse();
    await writer.commit([set("/members/a", "3")], undefined);
    await writer.commit([remove("/members/b")], undefined);
    await writer.commit([create("/members/c", { data: bytes("1") })], undefined);
    await proxy.accept();
    await shows({ a: "3", c: "1" });
    expect(snapshots).toBe(beforeGap + 1);

    // Deleted and made again at once: never shown with the data of before.
    await writer.commit([remove("/members/c")], undefined);
    await writer.commit([create("/members/c", { data: bytes("new") })], undefined);
    await shows({ a: "3", c: "new" });
    for (const name of ["a", "c"]) await writer.commit([remove(`/members/${name}`)], undefined);
    await writer.commit([remove("/members")], undefined);
    await shows(undefined);
    await writer.commit([create("/members")], undefined);
    await writer.commit([create("/members/d", { data: bytes("1") })], undefined);
    await shows({ d: "1" });
  });

  test("WATCH-3 the names of the children of a node, from before it exists until after it is made again", async () => {
    const { session } = await open(hosts);
    let view: Set<string> | undefined;
    let reports = 0;
    session.watchChildren("/names", {
      snapshot(children) {
        reports++;
        view = children && new Set(children.map(({ name }) => name));
      },
      changed: ({ name }) => view?.add(name),
      removed: (name) => view?.delete(name),
      failed: (error) => expect.unreachable(error.message),
    });
    const shows = (...expected: string[]) => until(() => view && [...view].sort().join() === expected.join());
    await until(() => reports === 1);
    await session.commit([create("/names/a", { parents: true })], undefined);
    await shows("a");
    await session.commit([create("/names/b")], undefined);
    await shows("a", "b");
    await session.commit([remove("/names/a")], undefined);
    await session.commit([remove("/names/b")], undefined);
    await shows();
    await session.commit([remove("/names")], undefined);
    await until(() => view === undefined);
    await session.commit([create("/names/c", { parents: true })], undefined);
    await shows("c");
  });
});

test.each(drivers)(
  "SES-8 WATCH-4 session, ephemeral nodes and watches outlive a restart of the server, %s driver",
  async (driver) => {
    // The package's sockets are inherited by child processes, here by the server: it must not be our child.
    const child = spawnNode(new URL("./fixtures/server.js", import.meta.url));
    onTestFinished(() => child.kill().then(() => undefined));
    const own = (await child.message(() => true, { timeoutMs: 30_000 })) as { url: string; control: string };
    const { session, ends } = await openSession(own.url, { driver, sessionTimeoutMs: 20_000 });
    await session.commit([create("/kept", { ephemeral: true })], undefined);
    const sink = collect();
    session.watchNode("/kept", sink);
    await until(() => sink.states.length === 1);
    await remoteControl(own.control).restart();
    await session.renew(10_000);
    expect((await session.get("/kept", { linearizable: true }))?.ephemeralOwner).toBe(session.id);
    await session.commit([set("/kept", "after")], undefined);
    await until(() => text(sink.states.at(-1)?.data) === "after");
    expect(ends).toEqual([]);
  },
);
