import { type FaultProxy, startProxy, startZooKeeper, type TestServer } from "@conclave/test-servers";
import { type ClientState, connect, type StreamEvent, type WatchEvent } from "@conclave/zookeeper-client";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { bytes, nothing, open, openClient, SESSION_TIMEOUT_MS, shown } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper({ controllable: true, maxSessionTimeoutMs: 60_000 });
});
afterAll(() => server.stop());

async function proxy(): Promise<FaultProxy> {
  const made = await startProxy({ target: server });
  onTestFinished(() => made.close());
  return made;
}

async function take(stream: AsyncIterator<StreamEvent>, count: number): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  while (events.length < count) {
    const { value, done } = await stream.next();
    if (done === true) break;
    events.push(value);
  }
  return events;
}

describe("with a chroot", () => {
  test("paths are below it, in requests, results, errors and events", async () => {
    const { connection } = await open(server);
    await connection.create("/ch", nothing);
    await connection.create("/ch/root", nothing);
    const client = await openClient(`${server.url}/ch/root`);
    expect((await client.create("/a", bytes("x"))).path).toBe("/a");
    expect((await connection.getData("/ch/root/a")).data.toString()).toBe("x");
    expect((await client.getChildren("/")).children).toEqual(["a"]);
    expect((await client.create("/s-", nothing, { sequential: true })).path).toMatch(/^\/s-[0-9]{10}$/);
    await client.create("/e", nothing, { ephemeral: true });
    expect(await client.getEphemerals()).toEqual(["/e"]);
    await expect(client.getData("/none")).rejects.toMatchObject({ code: "NONODE", path: "/none" });
    for (const path of ["none", "", "/a/", "/../x"]) {
      await expect(client.getData(path)).rejects.toThrow(TypeError);
      await expect(
        client.create(path === "/a/" ? "//" : path, nothing, { sequential: true }),
      ).rejects.toThrow(TypeError);
      await expect(client.multi([{ type: "delete", path }])).rejects.toThrow(TypeError);
    }
    await connection.create("/ch/root2", nothing, { ephemeral: true });
    const numbered = await client.create("/", nothing, { sequential: true, ephemeral: true });
    expect(numbered.path).toMatch(/^\/[0-9]{10}$/);
    await client.delete(numbered.path);
    const [transacted] = await client.multi([{ type: "create", path: "/", data: nothing, sequential: true }]);
    expect(transacted).toMatchObject({ path: expect.stringMatching(/^\/[0-9]{10}$/) });
    const failed = client.multi([
      { type: "delete", path: "/a" },
      { type: "check", path: "/none" },
    ]);
    await expect(failed).rejects.toMatchObject({ code: "NONODE", path: "/none", operation: 1 });
    expect(await client.multi([{ type: "create", path: "/b", data: nothing }])).toMatchObject([
      { path: "/b" },
    ]);
    expect((await client.multiRead([{ type: "data", path: "/none" }]))[0]).toMatchObject({
      error: { path: "/none" },
    });

    const events: WatchEvent[] = [];
    await client.getData("/a", { watch: (event) => events.push(event) });
    await client.getChildren("/", { watch: (event) => events.push(event) });
    const stream = await client.watch("/", { recursive: true });
    await client.setData("/a", nothing);
    await client.create("/c", nothing);
    expect(shown(events)).toEqual(["changed /a", "children /"]);
    expect(await take(stream, 2)).toMatchObject([
      { type: "changed", path: "/a" },
      { type: "created", path: "/c" },
    ]);
  });
});

describe("after a disconnection", () => {
  test("the session goes on, requests wait, and states are told", async () => {
    const between = await proxy();
    const states: ClientState[] = [];
    const client = await openClient(between.url, { stateChanged: (state) => states.push(state) });
    const id = client.sessionId;
    await client.create("/mine", nothing, { ephemeral: true });
    await between.refuse();
    await vi.waitUntil(() => client.state === "suspended");
    const waiting = client.exists("/mine");
    await between.accept();
    expect((await waiting)?.ephemeralOwner).toBe(id);
    expect(client.sessionId).toBe(id);
    expect(states).toEqual(["connected", "suspended", "connected"]);
    await client.close();
    expect(states.at(-1)).toBe("closed");
    await expect(client.exists("/mine")).rejects.toMatchObject({ code: "CLOSED" });
  });

  test("one-shot watches report what happened meanwhile and what happens then; persistent ones report a gap", async () => {
    const between = await proxy();
    const client = await openClient(between.url);
    const other = await openClient(server.url);
    await client.create("/d", nothing);
    for (const name of ["during", "after", "deleted"]) await client.create(`/d/${name}`, nothing);
    const events: WatchEvent[] = [];
    const watch = (event: WatchEvent): void => void events.push(event);
    await client.getData("/d/during", { watch });
    await client.getData("/d/after", { watch });
    await client.exists("/d/deleted", { watch });
    await client.exists("/d/new", { watch });
    await client.getChildren("/d", { watch });
    const streams = [await client.watch("/d/after"), await client.watch("/d", { recursive: true })] as const;

    await between.refuse();
    await other.setData("/d/during", nothing);
    await other.delete("/d/deleted");
    await other.create("/d/new", nothing);
    await between.accept();
    await vi.waitUntil(() => events.length >= 4);
    expect([...shown(events)].sort()).toEqual(
      ["changed /d/during", "children /d", "created /d/new", "deleted /d/deleted"].sort(),
    );
    await client.sync("/");
    await other.setData("/d/after", nothing);
    await vi.waitUntil(() => events.length >= 5);
    expect(shown(events).at(-1)).toBe("changed /d/after");
    expect(await take(streams[0], 2)).toMatchObject([{ type: "gap" }, { type: "changed", path: "/d/after" }]);
    expect((await streams[1].next()).value).toEqual({ type: "gap" });
    let last: StreamEvent | undefined;
    while (last?.type !== "changed" || last.path !== "/d/after") [last] = await take(streams[1], 1);
  });

  test("ten thousand watches stand again, without a gap and without a second disconnection", async () => {
    const between = await proxy();
    const states: ClientState[] = [];
    const stateChanged = (state: ClientState): void => void states.push(state);
    const client = await openClient(between.url, { sessionTimeoutMs: 20_000, stateChanged });
    const other = await openClient(server.url, { sessionTimeoutMs: 20_000 });
    await client.create("/many", nothing);
    const long = "with-a-name-long-enough-that-all-do-not-fit-into-one-packet-of-one-megabyte-".repeat(2);
    const paths = Array.from({ length: 10_000 }, (_, i) => `/many/${long}${i}`);
    await Promise.all(paths.map((path) => client.create(path, nothing)));
    const fired = new Map<string, number>();
    const watch = ({ path }: WatchEvent): void => void fired.set(path, (fired.get(path) ?? 0) + 1);
    await Promise.all(paths.map((path) => client.getData(path, { watch })));

    await between.refuse();
    const change = (parity: number) =>
      Promise.all(paths.filter((_, i) => i % 2 === parity).map((path) => other.setData(path, nothing)));
    await change(0);
    await between.accept();
    await vi.waitUntil(() => fired.size === 5_000, { timeout: 15_000 });
    await client.sync("/");
    await change(1);
    await vi.waitUntil(() => fired.size === 10_000, { timeout: 15_000 });
    expect(Math.max(...fired.values())).toBe(1);
    expect(states).toEqual(["connected", "suspended", "connected"]);
  }, 60_000);

  test("watches that were not all set again when the connection broke once more miss nothing", async () => {
    const between = await proxy();
    const client = await openClient(between.url, { sessionTimeoutMs: 20_000 });
    const other = await openClient(server.url);
    await client.create("/twice", nothing);
    const events: WatchEvent[] = [];
    await client.getData("/twice", { watch: (event) => events.push(event) });
    await between.refuse();
    await other.setData("/twice", nothing);
    await between.accept();
    // The server sets the watch again, which fires, but neither arrives.
    await between.dropReply({ request: (chunk) => chunk.includes("/twice") }).catch(() => {});
    await vi.waitUntil(() => events.length > 0);
    expect(shown(events)).toEqual(["changed /twice"]);
  });
});

describe("streams", () => {
  test("end by return, at the server too, and leave other watches of the path standing", async () => {
    const client = await openClient(server.url);
    await client.create("/st", nothing);
    const events: WatchEvent[] = [];
    const stream = await client.watch("/st");
    await client.getData("/st", { watch: (event) => events.push(event) });
    await stream.return();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await client.setData("/st", nothing);
    expect(shown(events)).toEqual(["changed /st"]);
    await client.setData("/st", nothing);
    expect(events).toHaveLength(1);
  });

  test.each([false, true])(
    "and one-shot watches of the same path don't harm each other, recursive: %s",
    async (recursive) => {
      const between = await proxy();
      const client = await openClient(between.url);
      const path = `/both-${recursive}`;
      await client.create(path, nothing);
      const events: WatchEvent[] = [];
      const watch = (event: WatchEvent): void => void events.push(event);
      const arm = () => Promise.all([client.getData(path, { watch }), client.getChildren(path, { watch })]);
      const change = async () => {
        await client.setData(path, nothing);
        await client.delete((await client.create(`${path}/`, nothing, { sequential: true })).path);
      };
      const own = ["changed", "children"];
      const seen = recursive ? ["changed", "created", "deleted"] : ["changed", "children", "children"];

      await arm();
      const stream = await client.watch(path, { recursive });
      await change();
      expect(events.splice(0).map(({ type }) => type)).toEqual(own);
      await arm();
      await change();
      expect(events.splice(0).map(({ type }) => type)).toEqual(own);
      expect((await take(stream, 6)).filter(({ type }) => !recursive || type !== "children")).toMatchObject(
        [...seen, ...seen].map((type) => ({ type })),
      );

      await arm();
      await between.refuse();
      await vi.waitUntil(() => client.state === "suspended");
      await between.accept();
      await client.sync("/");
      await change();
      expect(events.splice(0).map(({ type }) => type)).toEqual(own);
      expect(await take(stream, 4)).toMatchObject(["gap", ...seen].map((type) => ({ type })));

      await arm();
      await stream.return();
      await change();
      expect(events.splice(0).map(({ type }) => type)).toEqual(own);
    },
  );

  test("that end leave alone what was asked for at the same moment", async () => {
    const client = await openClient(server.url);
    await client.create("/moment", nothing);
    const events: WatchEvent[] = [];
    const first = await client.watch("/moment");
    const reading = client.getData("/moment", { watch: (event) => events.push(event) });
    const opening = client.watch("/moment");
    await first.return();
    const [second] = await Promise.all([opening, reading]);
    await client.sync("/");
    await client.setData("/moment", nothing);
    expect(shown(events)).toEqual(["changed /moment"]);
    expect(await take(second, 1)).toMatchObject([{ type: "changed", path: "/moment" }]);
    const readingToo = client.getData("/moment", { watch: (event) => events.push(event) });
    await second.return();
    await readingToo;
    await client.sync("/");
    await client.setData("/moment", nothing);
    expect(events).toHaveLength(2);
  });

  test("are not ended by a one-shot watch of the same path", async () => {
    const client = await openClient(server.url);
    await client.create("/mixed", nothing);
    const stream = await client.watch("/mixed");
    let fired = 0;
    await client.getData("/mixed", { watch: () => fired++ });
    for (let i = 0; i < 3; i++) await client.setData("/mixed", nothing);
    expect(await take(stream, 3)).toMatchObject([
      { type: "changed" },
      { type: "changed" },
      { type: "changed" },
    ]);
    expect(fired).toBe(1);
  });

  test("of a reader that is too slow hold a gap instead of events without end", async () => {
    const client = await openClient(server.url);
    await client.create("/slow", nothing);
    const stream = await client.watch("/slow", { capacity: 3 });
    for (let i = 0; i < 4; i++) await client.setData("/slow", nothing);
    expect(await take(stream, 1)).toEqual([{ type: "gap" }]);
    await client.setData("/slow", nothing);
    expect(await take(stream, 1)).toMatchObject([{ type: "changed" }]);
  });

  test("end by a signal, and with the session", async () => {
    const client = await openClient(server.url);
    const abort = new AbortController();
    const first = await client.watch("/", { signal: abort.signal });
    const second = await client.watch("/zookeeper");
    const ended = second.next();
    const returned = first.next();
    abort.abort();
    expect(await returned).toEqual({ done: true, value: undefined });
    await Promise.all([client.close(), expect(ended).rejects.toMatchObject({ code: "CLOSED" })]);
  });
});

describe("a session", () => {
  test("that is over by the server's word is lost for good", async () => {
    const between = await proxy();
    const states: ClientState[] = [];
    const client = await openClient(between.url, {
      sessionTimeoutMs: 1_000,
      stateChanged: (state) => states.push(state),
    });
    const stream = await client.watch("/");
    const ended = stream.next();
    await between.refuse();
    await vi.waitUntil(() => client.state === "suspended");
    const waiting = client.exists("/");
    await expect(waiting).rejects.toMatchObject({ code: "SESSIONEXPIRED" });
    await expect(ended).rejects.toMatchObject({ code: "SESSIONEXPIRED" });
    await between.accept();
    await expect(client.exists("/")).rejects.toMatchObject({ code: "SESSIONEXPIRED" });
    expect(states).toEqual(["connected", "suspended", "lost"]);
  });

  test("is opened at whichever server answers, or not at all with a reason for each", async () => {
    const client = await openClient(`127.0.0.1:1,${server.url},127.0.0.1:2`);
    expect(client.sessionTimeoutMs).toBe(SESSION_TIMEOUT_MS);
    await client.sync("/");
    const failed = connect({ servers: "127.0.0.1:1,127.0.0.1:2" });
    await expect(failed).rejects.toThrow(
      /127\.0\.0\.1:1: .*127\.0\.0\.1:2: |127\.0\.0\.1:2: .*127\.0\.0\.1:1: /,
    );
  });

  test("moves to another server when its own is gone, and asks there in order", async () => {
    const both = [await proxy(), await proxy()] as const;
    const states: ClientState[] = [];
    const stateChanged = (state: ClientState): void => void states.push(state);
    const client = await openClient(both.map(({ url }) => url).join(), { stateChanged });
    await client.create("/moving", nothing, { ephemeral: true });
    const id = client.sessionId;
    for (let i = 0; i < 4; i++) {
      const gone = both.find(({ connections }) => connections > 0) ?? both[0];
      await gone.refuse();
      // It may be back before one looks.
      await vi.waitUntil(() => states.filter((state) => state === "suspended").length > i);
      const order: number[] = [];
      const asked = [0, 1, 2].map((n) =>
        client.setData("/moving", bytes(String(n))).then(() => order.push(n)),
      );
      await Promise.all(asked);
      expect(order).toEqual([0, 1, 2]);
      expect((await client.getData("/moving")).data.toString()).toBe("2");
      await gone.accept();
    }
    expect(client.sessionId).toBe(id);
  });

  test("keeps the order of requests across a reconnection, also of those made at the news of it", async () => {
    const between = await proxy();
    const order: string[] = [];
    let set: (name: string) => Promise<unknown> = async () => {};
    const client = await openClient(between.url, {
      stateChanged: (state) => {
        if (state === "connected") void set("at the news");
      },
    });
    await client.create("/order", nothing);
    set = (name) =>
      client.setData("/order", bytes(name)).then(({ version }) => order.push(`${version} ${name}`));
    await between.refuse();
    await vi.waitUntil(() => client.state === "suspended");
    const waiting = [set("first"), set("second")];
    await between.accept();
    await Promise.all(waiting);
    await vi.waitUntil(() => order.length === 3);
    expect([...order].sort()).toEqual(["1 first", "2 second", "3 at the news"]);
  });

  test("without a connection lets only so many requests wait", async () => {
    const between = await proxy();
    const client = await openClient(between.url, { limits: { maxPendingRequests: 2 } });
    await between.refuse();
    await vi.waitUntil(() => client.state === "suspended");
    const waiting = [client.exists("/"), client.exists("/")];
    await expect(client.exists("/")).rejects.toMatchObject({ code: "QUEUE_FULL", outcome: "not-sent" });
    await between.accept();
    await Promise.all(waiting);
  });

  test("that is closed takes its nodes with it", async () => {
    const other = await openClient(server.url);
    const client = await openClient(server.url);
    await client.create("/gone", nothing, { ephemeral: true });
    await client.close();
    await client.close();
    await other.sync("/");
    expect(await other.exists("/gone")).toBeUndefined();
  });
});
