import type { BackendSession, Child, ChildNode } from "@conclave/api/backend";
import { fourLetterWord, startProxy, startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { Opcode, startFrameProxy } from "./frame-proxy.js";
import { startOldServer } from "./old-server.js";
import { bytes, collect, collectChildren, create, openSession, remove, set, text } from "./support.js";

/* Directories followed by persistent recursive watches, with the TypeScript driver. */

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());

const open = (hosts = server.url) => openSession(hosts, { driver: "typescript" });

async function make(session: BackendSession, ...paths: string[]): Promise<void> {
  await Promise.all(paths.map((path) => session.commit([create(path, { parents: true })], undefined)));
}

/** A session of which all frames are counted but those of pings. */
async function counted() {
  const proxy = await startFrameProxy(server.url);
  onTestFinished(() => proxy.close());
  const opened = await open(proxy.url);
  const seen: string[] = [];
  const names = new Map<number | undefined, string>(
    Object.entries(Opcode).map(([name, code]) => [code, name]),
  );
  proxy.onRequest = ({ opcode }) => {
    if (opcode !== Opcode.ping) seen.push(names.get(opcode) ?? `${opcode}`);
    return "forward";
  };
  proxy.onReply = ({ bytes, opcode }) => {
    if (bytes.readInt32BE(4) === -1) seen.push("event");
    else if (opcode === undefined) seen.push("reply to nothing");
    return "forward";
  };
  return { ...opened, proxy, seen, frames: () => seen.splice(0) };
}

/** How many watches the server has in its table of data watches, in which persistent ones are, too; of all sessions. */
async function watchedPaths(): Promise<number> {
  const answer = await fourLetterWord(server.host, server.port, "wchs", 2_000);
  return Number(/Total watches:([0-9]+)/.exec(answer)?.[1]);
}

const named = (view: ReadonlyMap<string, Child> | undefined) => view && [...view.keys()].sort().join();
const told = (view: ReadonlyMap<string, ChildNode> | undefined) =>
  view &&
  [...view.values()]
    .map(({ name, node }) => `${name}=${text(node.data)}`)
    .sort()
    .join();

describe("what a change costs, whatever the number of children", () => {
  test.each([10, 1_000])(
    "of %d children with their data: its event, and a read of what is there",
    async (n) => {
      const { session: writer } = await open();
      const { session, frames, seen } = await counted();
      const at = `/cost-${n}`;
      await make(writer, at);
      await make(writer, ...Array.from({ length: n }, (_, i) => `${at}/i${i}`));
      await session.get(at, { linearizable: true });
      frames();
      const sink = collectChildren<ChildNode>();
      session.watchChildNodes(at, sink);
      await vi.waitUntil(() => sink.view?.size === n);
      const opening = frames();
      expect(opening.slice(0, 2)).toEqual(["addWatch", "getChildren2"]);
      expect(opening.slice(2)).toEqual(Array(n).fill("getData"));

      await writer.commit([create(`${at}/extra`)], undefined);
      await vi.waitUntil(() => sink.view?.has("extra"));
      expect(frames()).toEqual(["event", "getData"]);
      await writer.commit([set(`${at}/extra`, "changed")], undefined);
      await vi.waitUntil(() => text(sink.view?.get("extra")?.node.data) === "changed");
      expect(frames()).toEqual(["event", "getData"]);
      await writer.commit([remove(`${at}/extra`)], undefined);
      await vi.waitUntil(() => sink.view?.has("extra") === false);
      // Of no concern: the directory's own data.
      await writer.commit([set(at, "changed")], undefined);
      await vi.waitUntil(() => seen.length === 2);
      expect(frames()).toEqual(["event", "event"]);
      expect(sink.log).toEqual(["snapshot", "+extra", "+extra", "-extra"]);
    },
  );

  test.each([10, 1_000])("of the names of %d children: its event", async (n) => {
    const { session: writer } = await open();
    const { session, frames, seen } = await counted();
    const at = `/names-${n}`;
    await make(writer, at);
    await make(writer, ...Array.from({ length: n }, (_, i) => `${at}/i${i}`));
    await session.get(at, { linearizable: true });
    frames();
    const sink = collectChildren<Child>();
    session.watchChildren(at, sink);
    await vi.waitUntil(() => sink.view?.size === n);
    expect(frames()).toEqual(["addWatch", "getChildren2"]);

    await writer.commit([create(`${at}/extra`)], undefined);
    await vi.waitUntil(() => sink.view?.has("extra"));
    await writer.commit([set(`${at}/extra`, "changed")], undefined);
    await writer.commit([remove(`${at}/extra`)], undefined);
    await vi.waitUntil(() => sink.view?.has("extra") === false);
    expect(seen).toEqual(["event", "event", "event"]);
    expect(sink.log).toEqual(["snapshot", "+extra", "-extra"]);
  });

  test("what happens further below is reported by the server, and costs no request", async () => {
    const { session: writer } = await open();
    await make(writer, "/deep/a/b/c", "/deep/d");
    const { session, frames, seen } = await counted();
    const [nodes, names] = [collectChildren<ChildNode>(), collectChildren<Child>()];
    session.watchChildNodes("/deep", nodes);
    session.watchChildren("/deep", names);
    await vi.waitUntil(() => nodes.view?.size === 2 && names.view?.size === 2);
    frames();
    await make(writer, "/deep/a/new", "/deep/a/b/c/new");
    await writer.commit([set("/deep/a/b", "x")], undefined);
    await writer.commit([remove("/deep/a/new")], undefined);
    await vi.waitUntil(() => seen.length >= 4);
    expect(frames()).toEqual(Array(4).fill("event"));
    await writer.commit([remove("/deep/d")], undefined);
    await vi.waitUntil(() => named(nodes.view) === "a" && named(names.view) === "a");
    expect(frames()).toEqual(["event"]);
  });
});

describe("WATCH-3 WATCH-6 what changes while it is being read ends in the right state", () => {
  /** Has `change` happen at the server between the view's watch and its listing, or between the listing and its arrival. */
  async function duringListing(
    when: "before" | "after",
    at: string,
    change: (writer: BackendSession) => Promise<unknown>,
  ) {
    const { session: writer } = await open();
    for (const name of ["kept", "changes", "goes", "again"]) {
      await writer.commit([create(`${at}/${name}`, { parents: true, data: bytes("old") })], undefined);
    }
    const { session, proxy } = await counted();
    let changed = false;
    const once = async ({ opcode }: { opcode: number | undefined }) => {
      if (opcode !== Opcode.getChildren2 || changed) return "forward" as const;
      changed = true;
      await change(writer);
      return "forward" as const;
    };
    if (when === "before") proxy.onRequest = once;
    else proxy.onReply = once;
    const [nodes, names] = [collectChildren<ChildNode>(), collectChildren<Child>()];
    session.watchChildNodes(at, nodes);
    session.watchChildren(at, names);
    return { nodes, names, changed: () => changed };
  }

  test.each(["before", "after"] as const)(
    "children created, changed, deleted and made again %s the listing is made",
    async (when) => {
      const at = `/listing-${when}`;
      const { nodes, names, changed } = await duringListing(when, at, async (writer) => {
        await writer.commit([create(`${at}/new`, { data: bytes("1") })], undefined);
        await writer.commit([set(`${at}/changes`, "2")], undefined);
        await writer.commit([remove(`${at}/goes`)], undefined);
        await writer.commit([remove(`${at}/again`)], undefined);
        await writer.commit([create(`${at}/again`, { data: bytes("3") })], undefined);
        await writer.commit([create(`${at}/brief`)], undefined);
        await writer.commit([remove(`${at}/brief`)], undefined);
      });
      await vi.waitUntil(() => told(nodes.view) === "again=3,changes=2,kept=old,new=1");
      await vi.waitUntil(() => named(names.view) === "again,changes,kept,new");
      expect(changed()).toBe(true);
      // The listing was newer than both.
      if (when === "before") expect([...nodes.log, ...names.log]).not.toContain("+brief");
    },
  );

  test.each(["before", "after"] as const)(
    "the directory deleted %s the listing is made, and made again",
    async (when) => {
      const at = `/gone-${when}`;
      const { nodes, names } = await duringListing(when, at, async (writer) => {
        for (const name of ["kept", "changes", "goes", "again"])
          await writer.commit([remove(`${at}/${name}`)], undefined);
        await writer.commit([remove(at)], undefined);
        await make(writer, `${at}/other`);
      });
      await vi.waitUntil(() => named(nodes.view) === "other" && named(names.view) === "other");
    },
  );

  test("a child that changes, and then goes, while it is read", async () => {
    const { session: writer } = await open();
    await make(writer, "/reading/a", "/reading/b");
    const { session, proxy } = await counted();
    const changes = [
      () => writer.commit([set("/reading/b", "2")], undefined),
      () => writer.commit([remove("/reading/b")], undefined),
    ];
    proxy.onReply = async ({ opcode }) => {
      if (opcode === Opcode.getData) await changes.shift()?.();
      return "forward" as const;
    };
    const sink = collectChildren<ChildNode>();
    session.watchChildNodes("/reading", sink);
    await vi.waitUntil(() => changes.length === 0 && named(sink.view) === "a");
    expect(sink.log.at(-1)).toBe("-b");
  });

  test("10 writers create, change and delete while a view is opened, 20 times", async () => {
    const { session: writer } = await open();
    const { session: reader } = await open();
    await make(writer, "/busy");
    let going = true;
    const write = async (k: number) => {
      for (let i = 0; going; i++) {
        const path = `/busy/${k}-${i % 3}`;
        await writer.commit([create(path, { data: bytes(`${i}`) })], undefined);
        await writer.commit([set(path, `${i}+`)], undefined);
        if (i % 5 !== 4) await writer.commit([remove(path)], undefined).catch(() => {});
        else
          await writer
            .commit([set(path, "stays")], undefined)
            .then(() => writer.commit([remove(path)], undefined));
      }
      await writer.commit([create(`/busy/last-${k}`, { data: bytes("!") })], undefined);
    };
    const writers = Promise.all(Array.from({ length: 10 }, (_, k) => write(k)));
    const views = [];
    for (let i = 0; i < 20; i++) {
      const [nodes, names] = [collectChildren<ChildNode>(), collectChildren<Child>()];
      reader.watchChildNodes("/busy", nodes);
      reader.watchChildren("/busy", names);
      views.push({ nodes, names });
      await vi.waitUntil(() => nodes.log.length > 5 && names.log.length > 5);
    }
    going = false;
    await writers;
    const expected = Array.from({ length: 10 }, (_, k) => `last-${k}`).sort();
    for (const { nodes, names } of views) {
      await vi.waitUntil(
        () => named(nodes.view) === expected.join() && named(names.view) === expected.join(),
      );
      expect(told(nodes.view)).toBe(expected.map((name) => `${name}=!`).join());
    }
  });
});

describe("watches on one path", () => {
  test.each(["node first", "children first"])(
    "of the node and of its children live together, %s, and each outlives the others",
    async (order) => {
      const at = `/both-${order.replace(" ", "-")}`;
      const { session: writer } = await open();
      await make(writer, `${at}/a`);
      const { session, seen: frames } = await counted();
      const [node, nodes, names, other] = [
        collect(),
        collectChildren<ChildNode>(),
        collectChildren<Child>(),
        collect(),
      ];
      const stops: (() => void)[] = [];
      const starts = [
        () => stops.push(session.watchNode(at, node)),
        () => stops.push(session.watchChildNodes(at, nodes), session.watchChildren(at, names)),
      ];
      if (order === "children first") starts.reverse();
      for (const start of starts) {
        start();
        await session.get(at, { linearizable: true });
      }
      // Of a child, where the watch on the directory reports the same.
      session.watchNode(`${at}/a`, other);
      await vi.waitUntil(
        () =>
          nodes.view !== undefined &&
          names.view !== undefined &&
          node.states.length === 1 &&
          other.states.length === 1,
      );

      let round = 0;
      const shown = async ({ own = true, children = true } = {}) => {
        round++;
        const seen = [node.states.length, other.states.length, nodes.log.length] as const;
        await writer.commit([set(at, `${round}`)], undefined);
        await writer.commit([set(`${at}/a`, `${round}`)], undefined);
        await writer.commit([create(`${at}/r${round}`)], undefined);
        await vi.waitUntil(() => text(other.states.at(-1)?.data) === `${round}`);
        if (own) await vi.waitUntil(() => text(node.states.at(-1)?.data) === `${round}`);
        if (children)
          await vi.waitUntil(
            () =>
              nodes.view?.has(`r${round}`) === true &&
              names.view?.has(`r${round}`) === true &&
              text(nodes.view?.get("a")?.node.data) === `${round}`,
          );
        // Once each: none is reported twice.
        expect(other.states.length).toBe(seen[1] + 1);
        expect(node.states.length).toBe(seen[0] + (own ? 1 : 0));
        expect(nodes.log.length).toBe(seen[2] + (children ? 2 : 0));
      };
      for (let i = 0; i < 3; i++) await shown();
      if (order === "node first") {
        // The children's watches end, the node's stays.
        for (const stop of stops.slice(1)) stop();
        await vi.waitUntil(() => frames.includes("removeWatches"));
        for (let i = 0; i < 3; i++) await shown({ children: false });
        session.watchChildNodes(at, nodes);
        session.watchChildren(at, names);
        await vi.waitUntil(
          () =>
            nodes.log.filter((entry) => entry === "snapshot").length === 2 &&
            names.log.filter((entry) => entry === "snapshot").length === 2,
        );
      } else {
        stops.at(-1)?.();
        await shown({ own: false });
        session.watchNode(at, node);
        await vi.waitUntil(() => text(node.states.at(-1)?.data) === `${round}`);
      }
      for (let i = 0; i < 3; i++) await shown();
      expect([...node.failures, ...nodes.failures, ...names.failures, ...other.failures]).toEqual([]);
    },
  );

  test("any number of views of one directory is one watch of the server's, and goes with the last", async () => {
    const { session: writer } = await open();
    await make(writer, "/views/a", "/views/b");
    const { session } = await open();
    const before = await watchedPaths();
    const kept = collectChildren<ChildNode>();
    const stopKept = session.watchChildNodes("/views", kept);
    for (let i = 0; i < 50; i++) {
      const sink = collectChildren<Child>();
      const stop =
        i % 2 === 0 ? session.watchChildren("/views", sink) : session.watchChildNodes("/views", sink);
      await vi.waitUntil(() => sink.view?.size === 2);
      stop();
    }
    await vi.waitUntil(async () => (await watchedPaths()) === before + 1);
    await make(writer, "/views/c");
    await vi.waitUntil(() => named(kept.view) === "a,b,c");
    stopKept();
    await vi.waitUntil(async () => (await watchedPaths()) === before);
    const again = collectChildren<ChildNode>();
    session.watchChildNodes("/views", again);
    await make(writer, "/views/d");
    await vi.waitUntil(() => named(again.view) === "a,b,c,d");
    expect(kept.log).toEqual(["snapshot", "+c"]);
  });

  test("1,000 waits for nodes that were given up leave nothing at the server, and harm no others", async () => {
    const { session: writer } = await open();
    await make(writer, "/waits/a");
    const { session } = await open();
    const before = await watchedPaths();
    const kept = collect();
    session.watchNode("/waits/a", kept);
    const stops = Array.from({ length: 1_000 }, (_, i) => {
      const sink = collect();
      return { sink, stop: session.watchNode(i % 2 === 0 ? `/waits/none-${i}` : "/waits/a", sink) };
    });
    await vi.waitUntil(() => stops.every(({ sink }) => sink.states.length === 1));
    await vi.waitUntil(async () => (await watchedPaths()) === before + 501);
    for (const { stop } of stops) stop();
    await vi.waitUntil(async () => (await watchedPaths()) === before + 1);
    await writer.commit([set("/waits/a", "1")], undefined);
    await vi.waitUntil(() => text(kept.states.at(-1)?.data) === "1");
  });

  test("a watch that is stopped while its read is under way is removed, too", async () => {
    const { session, proxy } = await counted();
    await make(session, "/stopped");
    const before = await watchedPaths();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = false;
    proxy.onReply = async ({ opcode }) => {
      if (opcode === Opcode.getData) {
        asked = true;
        await held;
      }
      return "forward" as const;
    };
    const sink = collect();
    const stop = session.watchNode("/stopped", sink);
    await vi.waitUntil(() => asked);
    stop();
    // Longer than what is unused is left.
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await watchedPaths()).toBe(before + 1);
    release();
    await vi.waitUntil(async () => (await watchedPaths()) === before);
    expect(sink.states).toEqual([]);
  });
});

describe("watches that are wanted again", () => {
  /** Longer than what nobody uses is left at the server. */
  const longer = () => new Promise((resolve) => setTimeout(resolve, 700));

  test("at once after they were stopped stand", async () => {
    const { session: writer } = await open();
    await make(writer, "/again/a");
    const { session, frames } = await counted();
    const [first, names, node] = [collect(), collectChildren<Child>(), collect()];
    const stops = [session.watchNode("/again", first), session.watchChildren("/again/a", names)];
    await vi.waitUntil(() => first.states.length === 1 && names.view !== undefined);
    for (const stop of stops) stop();
    const again = collectChildren<Child>();
    session.watchNode("/again", node);
    session.watchChildren("/again/a", again);
    await vi.waitUntil(() => node.states.length === 1 && again.view !== undefined);
    await longer();
    expect(frames()).not.toContain("removeWatches");
    await writer.commit([set("/again", "1")], undefined);
    await make(writer, "/again/a/b");
    await vi.waitUntil(() => text(node.states.at(-1)?.data) === "1" && again.view?.has("b") === true);
    expect(first.states).toHaveLength(1);
    expect(names.log).toEqual(["snapshot"]);
  });

  test("of a node, while the watch on the directory that stood in for it goes, stand on their own", async () => {
    const { session: writer } = await open();
    await make(writer, "/standin/a");
    const { session, proxy } = await counted();
    const names = collectChildren<Child>();
    const stop = session.watchChildren("/standin", names);
    await vi.waitUntil(() => names.view !== undefined);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let removed = false;
    proxy.onReply = async ({ opcode }) => {
      if (opcode === Opcode.getData) await held;
      return "forward" as const;
    };
    proxy.onRequest = ({ opcode }) => {
      removed ||= opcode === Opcode.removeWatches;
      return "forward";
    };
    const node = collect();
    session.watchNode("/standin", node);
    stop();
    await vi.waitUntil(() => removed);
    release();
    await vi.waitUntil(() => node.states.length === 1);
    await session.get("/", { linearizable: true });
    await writer.commit([set("/standin", "1")], undefined);
    await vi.waitUntil(() => text(node.states.at(-1)?.data) === "1");
  });
});

describe("new connections", () => {
  test("WATCH-4 bring a whole listing, without what went meanwhile, and changes after that one by one", async () => {
    const proxy = await startProxy({ target: server });
    onTestFinished(() => proxy.close());
    const { session: writer } = await open();
    await make(writer, "/cut/a", "/cut/b");
    const { session, disconnections } = await open(proxy.url);
    const [nodes, names] = [collectChildren<ChildNode>(), collectChildren<Child>()];
    session.watchChildNodes("/cut", nodes);
    session.watchChildren("/cut", names);
    await vi.waitUntil(() => nodes.view !== undefined && names.view !== undefined);
    await proxy.refuse();
    await vi.waitUntil(() => disconnections.length === 1);
    await writer.commit([set("/cut/a", "2")], undefined);
    await writer.commit([remove("/cut/b")], undefined);
    await make(writer, "/cut/c");
    await proxy.accept();
    await vi.waitUntil(() => told(nodes.view) === "a=2,c=" && named(names.view) === "a,c");
    expect([nodes.log, names.log]).toEqual([
      ["snapshot", "snapshot"],
      ["snapshot", "snapshot"],
    ]);
    await make(writer, "/cut/d");
    await vi.waitUntil(() => named(nodes.view) === "a,c,d" && named(names.view) === "a,c,d");
    expect(disconnections).toHaveLength(1);
  });

  test("WATCH-4 set 10,000 watches again, without a gap and without a second disconnection", async () => {
    const proxy = await startProxy({ target: server });
    onTestFinished(() => proxy.close());
    const { session: writer } = await open();
    const count = 10_000;
    const directories = 200;
    const at = (i: number) => `/many/d${i % directories}/n${i}`;
    await make(writer, ...Array.from({ length: directories }, (_, i) => `/many/d${i}`));
    await Promise.all(Array.from({ length: count }, (_, i) => writer.commit([create(at(i))], undefined)));
    const { session, disconnections, ends } = await open(proxy.url);
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
    await vi.waitUntil(
      () => nodes.every(({ states }) => states.length > 0) && views.every(({ view }) => view !== undefined),
      { timeout: 15_000 },
    );

    await proxy.refuse();
    await vi.waitUntil(() => disconnections.length === 1);
    const all = Array.from({ length: count }, (_, i) => i);
    // Some while it is away, all others while it returns and afterwards.
    const missed = all.filter((i) => i % 10 === 0);
    await Promise.all(missed.map((i) => writer.commit([set(at(i), "1")], undefined)));
    await proxy.accept();
    await Promise.all(
      all.filter((i) => i % 10 !== 0).map((i) => writer.commit([set(at(i), "1")], undefined)),
    );
    await make(writer, ...Array.from({ length: directories }, (_, i) => `/many/d${i}/new`));
    await vi.waitUntil(
      () =>
        nodes.every(({ states }) => states.at(-1)?.version === 1) &&
        views.every(({ view }) => view?.has("new")),
      { timeout: 15_000 },
    );
    expect(disconnections).toHaveLength(1);
    expect(ends).toEqual([]);
  }, 60_000);
});

test("70,000 reads at once are all answered: none is refused, which would look like a lost connection", async () => {
  const { session, disconnections } = await open();
  const reads = Array.from({ length: 70_000 }, () => session.get("/", { linearizable: false }));
  await Promise.all(reads);
  expect(disconnections).toEqual([]);
}, 60_000);

describe("servers before 3.6", () => {
  test("end the connection once in a session, however many directories are watched", async () => {
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
    await vi.waitUntil(() => sinks.flat().every(({ view }) => view !== undefined));
    expect(disconnections).toHaveLength(1);
    expect(old.refused()).toBeGreaterThan(0);
    await make(session, "/old/a/d", "/old/c/d", "/old/d");
    await vi.waitUntil(() => sinks.flat().every(({ view }) => view?.has("d")));
    const later = collectChildren<Child>();
    session.watchChildren("/old/a/d", later);
    await vi.waitUntil(() => later.view !== undefined);
    expect(disconnections).toHaveLength(1);
  });
});
