import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { type ClientState, connect, type WatchEvent } from "@conclave/zookeeper-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  bytes,
  nothing,
  open,
  openClient,
  proxied,
  SESSION_TIMEOUT_MS,
  shown,
  take,
  uncaughtBy,
  until,
} from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper({ controllable: true, maxSessionTimeoutMs: 60_000 });
});
afterAll(() => server.stop());

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

describe("a session", () => {
  test("goes on after a disconnection, requests wait, and states are told", async () => {
    const between = await proxied(server);
    const states: ClientState[] = [];
    const client = await openClient(between.url, { stateChanged: (state) => states.push(state) });
    const id = client.sessionId;
    await client.create("/mine", nothing, { ephemeral: true });
    await between.refuse();
    await until(() => client.state === "suspended");
    const waiting = client.exists("/mine");
    await between.accept();
    expect((await waiting)?.ephemeralOwner).toBe(id);
    expect(client.sessionId).toBe(id);
    expect(states).toEqual(["connected", "suspended", "connected"]);
    await client.close();
    expect(states.at(-1)).toBe("closed");
    await expect(client.exists("/mine")).rejects.toMatchObject({ code: "CLOSED" });
  });

  test("that is over by the server's word is lost for good", async () => {
    const between = await proxied(server);
    const states: ClientState[] = [];
    const client = await openClient(between.url, {
      sessionTimeoutMs: 1_000,
      stateChanged: (state) => states.push(state),
    });
    const stream = await client.watch("/");
    const ended = stream.next();
    await between.refuse();
    await until(() => client.state === "suspended");
    const waiting = client.exists("/");
    await expect(waiting).rejects.toMatchObject({ code: "SESSIONEXPIRED" });
    await expect(ended).rejects.toMatchObject({ code: "SESSIONEXPIRED" });
    await between.accept();
    await expect(client.exists("/")).rejects.toMatchObject({ code: "SESSIONEXPIRED" });
    expect(states).toEqual(["connected", "suspended", "lost"]);
  });

  test("that this process has slept through is lost, and nothing is asked in it", async () => {
    const states: ClientState[] = [];
    const stateChanged = (state: ClientState): void => void states.push(state);
    const client = await openClient(server.url, { sessionTimeoutMs: 1_000, stateChanged });
    await client.create("/slept", nothing, { ephemeral: true });
    // Long enough for the server, too, on a machine that has other things to do.
    const awakeAtMs = performance.now() + 4 * client.sessionTimeoutMs;
    while (performance.now() < awakeAtMs) {
      // The event loop stands still.
    }
    await expect(client.setData("/slept", nothing)).rejects.toMatchObject({
      code: expect.stringMatching(/CONNECTION_LOST|SESSIONEXPIRED/),
    });
    await until(() => client.state === "lost");
    expect(states).toEqual(["connected", "suspended", "lost"]);
    const other = await openClient(server.url);
    expect(await other.exists("/slept")).toBeUndefined();
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
    const both = [await proxied(server), await proxied(server)] as const;
    const states: ClientState[] = [];
    const stateChanged = (state: ClientState): void => void states.push(state);
    const client = await openClient(both.map(({ url }) => url).join(), { stateChanged });
    await client.create("/moving", nothing, { ephemeral: true });
    const id = client.sessionId;
    for (let i = 0; i < 4; i++) {
      const gone = both.find(({ connections }) => connections > 0) ?? both[0];
      await gone.refuse();
      // It may be back before one looks.
      await until(() => states.filter((state) => state === "suspended").length > i);
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
    const between = await proxied(server);
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
    await until(() => client.state === "suspended");
    const waiting = [set("first"), set("second")];
    await between.accept();
    await Promise.all(waiting);
    await until(() => order.length === 3);
    expect([...order].sort()).toEqual(["1 first", "2 second", "3 at the news"]);
  });

  test("without a connection lets only so many requests wait", async () => {
    const between = await proxied(server);
    const client = await openClient(between.url, { limits: { maxPendingRequests: 2 } });
    await between.refuse();
    await until(() => client.state === "suspended");
    const waiting = [client.exists("/"), client.exists("/")];
    await expect(client.exists("/")).rejects.toMatchObject({ code: "QUEUE_FULL", outcome: "not-sent" });
    await between.accept();
    await Promise.all(waiting);
  });

  test("goes on whatever listeners throw, and harms no others", async () => {
    const between = await proxied(server);
    const events: WatchEvent[] = [];
    const states: ClientState[] = [];
    const thrown = await uncaughtBy(async () => {
      const client = await openClient(between.url, {
        stateChanged: (state) => {
          states.push(state);
          throw new Error(state);
        },
      });
      await client.create("/thrower", nothing);
      const watch = (): void => {
        throw new Error("watch");
      };
      await client.getData("/thrower", { watch });
      await client.getData("/thrower", { watch: (event) => events.push(event) });
      await between.refuse();
      await until(() => states.includes("suspended"));
      await between.accept();
      await client.setData("/thrower", nothing);
      await until(() => events.length > 0);
      await client.close();
    });
    const told = thrown.map((error) => (error instanceof Error ? error.message : error));
    expect(told).toEqual(["connected", "suspended", "connected", "watch", "closed"]);
  });

  test("that is closed takes its nodes with it, and whoever closes it waits for that", async () => {
    const other = await openClient(server.url);
    const client = await openClient(server.url);
    await client.create("/gone", nothing, { ephemeral: true });
    let closed = false;
    void client.close().then(() => {
      closed = true;
    });
    await client.close();
    expect(closed).toBe(true);
    await other.sync("/");
    expect(await other.exists("/gone")).toBeUndefined();
  });
});
