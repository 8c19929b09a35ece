import type { Child, ChildNode } from "@conclave/api/backend";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LINGER_MS } from "../src/watch.js";
import { counted, gate, make, named, open, until, watchedPaths } from "./directory-support.js";
import { Opcode } from "./frame-proxy.js";
import { collect, collectChildren, create, set, text } from "./support.js";

/* Several watches on one path, of which the server knows one. */

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());

/** Waits for longer than what nobody uses is left at the server. */
function lingered(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1.4 * LINGER_MS));
}

describe("watches on one path", () => {
  test.each(["node first", "children first"])(
    "of the node and of its children live together, %s, and each outlives the others",
    async (order) => {
      const at = `/both-${order.replace(" ", "-")}`;
      const { session: writer } = await open(server.url);
      await make(writer, `${at}/a`);
      const { session, seen: frames } = await counted(server);
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
      await until(
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
        await until(() => text(other.states.at(-1)?.data) === `${round}`);
        if (own) await until(() => text(node.states.at(-1)?.data) === `${round}`);
        if (children)
          await until(
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
        await until(() => frames.includes("removeWatches"));
        for (let i = 0; i < 3; i++) await shown({ children: false });
        session.watchChildNodes(at, nodes);
        session.watchChildren(at, names);
        await until(
          () =>
            nodes.log.filter((entry) => entry === "snapshot").length === 2 &&
            names.log.filter((entry) => entry === "snapshot").length === 2,
        );
      } else {
        stops.at(-1)?.();
        await shown({ own: false });
        session.watchNode(at, node);
        await until(() => text(node.states.at(-1)?.data) === `${round}`);
      }
      for (let i = 0; i < 3; i++) await shown();
      expect([...node.failures, ...nodes.failures, ...names.failures, ...other.failures]).toEqual([]);
    },
  );

  test("any number of views of one directory is one watch of the server's, and goes with the last", async () => {
    const { session: writer } = await open(server.url);
    await make(writer, "/views/a", "/views/b");
    const { session } = await open(server.url);
    const before = await watchedPaths(server);
    const kept = collectChildren<ChildNode>();
    const stopKept = session.watchChildNodes("/views", kept);
    for (let i = 0; i < 50; i++) {
      const sink = collectChildren<Child>();
      const stop =
        i % 2 === 0 ? session.watchChildren("/views", sink) : session.watchChildNodes("/views", sink);
      await until(() => sink.view?.size === 2);
      stop();
    }
    await until(async () => (await watchedPaths(server)) === before + 1);
    await make(writer, "/views/c");
    await until(() => named(kept.view) === "a,b,c");
    stopKept();
    await until(async () => (await watchedPaths(server)) === before);
    const again = collectChildren<ChildNode>();
    session.watchChildNodes("/views", again);
    await make(writer, "/views/d");
    await until(() => named(again.view) === "a,b,c,d");
    expect(kept.log).toEqual(["snapshot", "+c"]);
  });

  test("1,000 waits for nodes that were given up leave nothing at the server, and harm no others", async () => {
    const { session: writer } = await open(server.url);
    await make(writer, "/waits/a");
    const { session } = await open(server.url);
    const before = await watchedPaths(server);
    const kept = collect();
    session.watchNode("/waits/a", kept);
    const stops = Array.from({ length: 1_000 }, (_, i) => {
      const sink = collect();
      return { sink, stop: session.watchNode(i % 2 === 0 ? `/waits/none-${i}` : "/waits/a", sink) };
    });
    await until(() => stops.every(({ sink }) => sink.states.length === 1));
    await until(async () => (await watchedPaths(server)) === before + 501);
    for (const { stop } of stops) stop();
    await until(async () => (await watchedPaths(server)) === before + 1);
    await writer.commit([set("/waits/a", "1")], undefined);
    await until(() => text(kept.states.at(-1)?.data) === "1");
  });

  test("a watch that is stopped while its read is under way is removed, too", async () => {
    const { session, proxy } = await counted(server);
    await make(session, "/stopped");
    const before = await watchedPaths(server);
    const held = gate();
    let asked = false;
    proxy.onReply = async ({ opcode }) => {
      if (opcode === Opcode.getData) {
        asked = true;
        await held.passed;
      }
      return "forward" as const;
    };
    const sink = collect();
    const stop = session.watchNode("/stopped", sink);
    await until(() => asked);
    stop();
    await lingered();
    expect(await watchedPaths(server)).toBe(before + 1);
    held.open();
    await until(async () => (await watchedPaths(server)) === before);
    expect(sink.states).toEqual([]);
  });
});

describe("watches that are wanted again", () => {
  test("at once after they were stopped stand", async () => {
    const { session: writer } = await open(server.url);
    await make(writer, "/again/a");
    const { session, frames } = await counted(server);
    const [first, names, node] = [collect(), collectChildren<Child>(), collect()];
    const stops = [session.watchNode("/again", first), session.watchChildren("/again/a", names)];
    await until(() => first.states.length === 1 && names.view !== undefined);
    for (const stop of stops) stop();
    const again = collectChildren<Child>();
    session.watchNode("/again", node);
    session.watchChildren("/again/a", again);
    await until(() => node.states.length === 1 && again.view !== undefined);
    await lingered();
    expect(frames()).not.toContain("removeWatches");
    await writer.commit([set("/again", "1")], undefined);
    await make(writer, "/again/a/b");
    await until(() => text(node.states.at(-1)?.data) === "1" && again.view?.has("b") === true);
    expect(first.states).toHaveLength(1);
    expect(names.log).toEqual(["snapshot"]);
  });

  test("of a node, while the watch on the directory that stood in for it goes, stand on their own", async () => {
    const { session: writer } = await open(server.url);
    await make(writer, "/standin/a");
    const { session, proxy } = await counted(server);
    const names = collectChildren<Child>();
    const stop = session.watchChildren("/standin", names);
    await until(() => names.view !== undefined);
    const held = gate();
    let removed = false;
    proxy.onReply = async ({ opcode }) => {
      if (opcode === Opcode.getData) await held.passed;
      return "forward" as const;
    };
    proxy.onRequest = ({ opcode }) => {
      removed ||= opcode === Opcode.removeWatches;
      return "forward";
    };
    const node = collect();
    session.watchNode("/standin", node);
    stop();
    await until(() => removed);
    held.open();
    await until(() => node.states.length === 1);
    await session.get("/", { linearizable: true });
    await writer.commit([set("/standin", "1")], undefined);
    await until(() => text(node.states.at(-1)?.data) === "1");
  });
});
