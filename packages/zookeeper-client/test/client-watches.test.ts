import { getEventListeners } from "node:events";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import type { ClientState, StreamEvent, WatchEvent } from "@conclave/zookeeper-client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { nothing, openClient, proxied, shown, take, until } from "./support.js";

/* Watches of a client, over however many connections. */

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper({ controllable: true, maxSessionTimeoutMs: 60_000 });
});
afterAll(() => server.stop());

describe("after a disconnection", () => {
  test("one-shot watches report what happened meanwhile and what happens then; persistent ones report a gap", async () => {
    const between = await proxied(server);
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
    await until(() => events.length >= 4);
    expect([...shown(events)].sort()).toEqual(
      ["changed /d/during", "children /d", "created /d/new", "deleted /d/deleted"].sort(),
    );
    await client.sync("/");
    await other.setData("/d/after", nothing);
    await until(() => events.length >= 5);
    expect(shown(events).at(-1)).toBe("changed /d/after");
    expect(await take(streams[0], 2)).toMatchObject([{ type: "gap" }, { type: "changed", path: "/d/after" }]);
    expect((await streams[1].next()).value).toEqual({ type: "gap" });
    let last: StreamEvent | undefined;
    while (last?.type !== "changed" || last.path !== "/d/after") [last] = await take(streams[1], 1);
  });

  test("ten thousand watches stand again, without a gap and without a second disconnection", async () => {
    const between = await proxied(server);
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
    const between = await proxied(server);
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
    await until(() => events.length > 0);
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
      const between = await proxied(server);
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
      await until(() => client.state === "suspended");
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

  test("keep a number of events that can be one", async () => {
    const client = await openClient(server.url);
    for (const capacity of [0, 1.5, Number.NaN]) {
      await expect(client.watch("/", { capacity })).rejects.toThrow(/capacity/);
    }
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
    const lasting = new AbortController().signal;
    await client.watch("/zookeeper/quota", { signal: lasting });
    await Promise.all([client.close(), expect(ended).rejects.toMatchObject({ code: "CLOSED" })]);
    expect(getEventListeners(lasting, "abort")).toEqual([]);
  });
});
