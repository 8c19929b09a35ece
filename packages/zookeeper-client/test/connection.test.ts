import { inspect } from "node:util";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { ConnectionError, openConnection, ZooKeeperError } from "@conclave/zookeeper-client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { bytes, nothing, open, shown } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper({ controllable: true, config: { extendedTypesEnabled: true } });
});
afterAll(() => server.stop());

describe("nodes", () => {
  test("are created, read, changed and deleted, with all of their stat", async () => {
    const { connection } = await open(server);
    const before = Date.now();
    const created = await connection.create("/basic", bytes("a"));
    expect(created.path).toBe("/basic");
    expect(created.stat).toMatchObject({
      version: 0,
      cversion: 0,
      aversion: 0,
      dataLength: 1,
      numChildren: 0,
    });
    expect(created.stat.czxid).toBeTypeOf("bigint");
    expect(created.stat.mzxid).toBe(created.stat.czxid);
    expect(created.stat.ephemeralOwner).toBe(0n);
    expect(Math.abs(created.stat.ctimeMs - before)).toBeLessThan(60_000);

    const changed = await connection.setData("/basic", bytes("bc"), 0);
    expect(changed).toMatchObject({ version: 1, dataLength: 2, czxid: created.stat.czxid });
    expect(changed.mzxid).toBeGreaterThan(created.stat.czxid);
    const read = await connection.getData("/basic");
    expect(read.data.toString()).toBe("bc");
    expect(read.stat).toEqual(changed);
    expect(await connection.exists("/basic")).toEqual(changed);
    expect(connection.lastZxid).toBeGreaterThanOrEqual(changed.mzxid);

    await connection.create("/basic/ü", nothing);
    await connection.create("/basic/b", nothing);
    const { children, stat } = await connection.getChildren("/basic");
    expect([...children].sort()).toEqual(["b", "ü"]);
    expect(stat).toMatchObject({ numChildren: 2, cversion: 2 });
    expect(await connection.countDescendants("/basic")).toBe(2);

    await expect(connection.delete("/basic")).rejects.toMatchObject({ code: "NOTEMPTY", path: "/basic" });
    await connection.delete("/basic/ü");
    await connection.delete("/basic/b", 0);
    await connection.delete("/basic", 1);
    expect(await connection.exists("/basic")).toBeUndefined();
  });

  test("of every kind can be made", async () => {
    const { connection } = await open(server);
    await connection.create("/kinds", nothing);
    const ephemeral = await connection.create("/kinds/e", nothing, { ephemeral: true });
    expect(ephemeral.stat.ephemeralOwner).toBe(connection.session.id);
    const sequential = await connection.create("/kinds/s-", nothing, { sequential: true });
    expect(sequential.path).toMatch(/^\/kinds\/s-[0-9]{10}$/);
    const both = await connection.create("/kinds/", nothing, { ephemeral: true, sequential: true });
    expect(both.path).toMatch(/^\/kinds\/[0-9]{10}$/);
    const container = await connection.create("/kinds/c", nothing, { container: true });
    expect(container.stat.ephemeralOwner).toBe(0n);
    const timed = await connection.create("/kinds/t", nothing, { ttlMs: 60_000 });
    expect(timed.stat.ephemeralOwner).toBe(0n);
    const timedSequential = await connection.create("/kinds/ts-", nothing, { ttlMs: 1, sequential: true });
    expect(timedSequential.path).toMatch(/^\/kinds\/ts-[0-9]{10}$/);
    expect([...(await connection.getEphemerals("/kinds"))].sort()).toEqual([both.path, "/kinds/e"]);
    await expect(connection.create("/kinds/e/x", nothing)).rejects.toMatchObject({
      code: "NOCHILDRENFOREPHEMERALS",
      number: -108,
    });
  });

  test("hold no data, all byte values, and as much as fits into a request", async () => {
    const { connection } = await open(server);
    await connection.create("/data", nothing);
    expect((await connection.getData("/data")).data).toHaveLength(0);
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    await connection.setData("/data", all);
    expect(Uint8Array.from((await connection.getData("/data")).data)).toEqual(all);
    const large = Buffer.alloc(1_000_000, "0123456789");
    await connection.setData("/data", large);
    const [first, second] = await Promise.all([connection.getData("/data"), connection.getData("/data")]);
    expect(first.data.equals(large)).toBe(true);
    expect(second.data.equals(large)).toBe(true);
    await expect(connection.setData("/data", Buffer.alloc(1_048_576))).rejects.toThrow(/1048601 bytes/);
    expect((await connection.exists("/data"))?.dataLength).toBe(1_000_000);
  });

  test("answer with the server's codes", async () => {
    const { connection } = await open(server);
    const failing = [
      [connection.getData("/none"), "NONODE", -101],
      [connection.setData("/none", nothing), "NONODE", -101],
      [connection.delete("/none"), "NONODE", -101],
      [connection.getChildren("/none"), "NONODE", -101],
      [connection.create("/none/x", nothing), "NONODE", -101],
      [connection.getAcl("/none"), "NONODE", -101],
      [connection.setData("/zookeeper", nothing, 77), "BADVERSION", -103],
      [connection.create("/zookeeper", nothing), "NODEEXISTS", -110],
      [connection.create("/acl", nothing, { acl: [] }), "INVALIDACL", -114],
    ] as const;
    for (const [request, code, number] of failing) {
      await expect(request).rejects.toMatchObject({ name: "ZooKeeperError", code, number });
    }
  });

  test("with wrong arguments are refused before anything is sent", async () => {
    const { connection } = await open(server);
    const paths = [
      "",
      "x",
      "/x/",
      "//",
      "/x//y",
      "/./x",
      "/..",
      "/x/..",
      "/\0",
      "/\u0007",
      "/\ud83d\ude00",
      "/\uffff",
    ];
    for (const path of paths) await expect(connection.getData(path), path).rejects.toThrow(TypeError);
    for (const path of ["/", "/a.b", "/...", "/..a/.b", "/ä/日本/x y"]) {
      await expect(connection.exists(path), path).resolves.not.toThrow();
    }
    await expect(connection.create("/x", nothing, { ephemeral: true, container: true })).rejects.toThrow(
      TypeError,
    );
    await expect(connection.create("/x", nothing, { ttlMs: 0 })).rejects.toThrow(/ttlMs/);
    await expect(connection.setData("/x", nothing, 1.5)).rejects.toThrow(/version/);
    // @ts-expect-error JavaScript may pass anything
    await expect(connection.setData("/x", "text")).rejects.toThrow(/Uint8Array/);
    // @ts-expect-error likewise
    await expect(connection.setAcl("/x", [{}])).rejects.toThrow(TypeError);
    // @ts-expect-error likewise
    await expect(connection.addWatch("/x", "forever")).rejects.toThrow(/persistent/);
  });
});

describe("transactions", () => {
  test("take effect as a whole", async () => {
    const { connection } = await open(server);
    const results = await connection.multi([
      { type: "create", path: "/m", data: nothing },
      { type: "create", path: "/m/s-", data: bytes("s"), sequential: true },
      { type: "create", path: "/m/e", data: nothing, ephemeral: true },
      { type: "set", path: "/m", data: bytes("new"), version: 0 },
      { type: "check", path: "/m", version: 1 },
      { type: "delete", path: "/m/e" },
    ]);
    expect(results.map(({ type }) => type)).toEqual(["create", "create", "create", "set", "check", "delete"]);
    // Servers before 3.9 leave out the stat.
    expect(results[1]).toMatchObject({ path: expect.stringMatching(/^\/m\/s-[0-9]{10}$/) });
    expect(results[3]).toMatchObject({ stat: { version: 1 } });
    expect((await connection.getData("/m")).data.toString()).toBe("new");
    expect(await connection.multi([])).toEqual([]);
  });

  test("name the operation that failed, and leave nothing behind", async () => {
    const { connection } = await open(server);
    const failed = connection.multi([
      { type: "create", path: "/m2", data: nothing },
      { type: "check", path: "/zookeeper", version: 99 },
      { type: "delete", path: "/m2" },
      { type: "create", path: "/m3", data: nothing },
      { type: "set", path: "/m3", data: bytes("x") },
    ]);
    await expect(failed).rejects.toMatchObject({ code: "BADVERSION", operation: 1, path: "/zookeeper" });
    expect(await connection.exists("/m2")).toBeUndefined();
  });

  test("of reads let each fail for itself", async () => {
    const { connection } = await open(server);
    await connection.create("/mr", bytes("x"));
    const results = await connection.multiRead([
      { type: "data", path: "/mr" },
      { type: "data", path: "/none" },
      { type: "children", path: "/" },
    ]);
    expect(results[0]).toMatchObject({ type: "data", data: Buffer.from("x"), stat: { version: 0 } });
    expect(results[1]).toMatchObject({
      type: "error",
      error: { code: "NONODE", path: "/none", operation: 1 },
    });
    expect(results[2]).toMatchObject({
      type: "children",
      children: expect.arrayContaining(["mr", "zookeeper"]),
    });
  });
});

describe("watches", () => {
  test("of reads fire once, before the reply of a read that sees the change", async () => {
    const { connection, events } = await open(server);
    await connection.create("/w", nothing);
    const order: string[] = [];
    await connection.exists("/w/absent", { watch: true, replied: (code) => order.push(`exists ${code}`) });
    await connection.getData("/w", { watch: true });
    await connection.getChildren("/w", { watch: true });
    const changes = [
      connection.setData("/w", bytes("1")),
      connection.setData("/w", bytes("2")),
      connection.create("/w/absent", nothing),
      connection.getData("/w").then(() => order.push(`read after ${events.length}`)),
    ];
    await Promise.all(changes);
    expect(order).toEqual(["exists -101", "read after 3"]);
    expect(shown(events)).toEqual(["changed /w", "created /w/absent", "children /w"]);
  });

  test("that are persistent stay, recursive ones cover what is below", async () => {
    const { connection, events } = await open(server);
    await connection.create("/p", nothing);
    await connection.create("/r", nothing);
    await connection.addWatch("/p", "persistent");
    await connection.addWatch("/r", "persistent-recursive");
    await connection.setData("/p", bytes("1"));
    await connection.setData("/p", bytes("2"));
    await connection.create("/p/x", nothing);
    await connection.setData("/p/x", nothing);
    await connection.create("/r/a", nothing);
    await connection.create("/r/a/b", nothing);
    await connection.setData("/r/a/b", bytes("x"));
    await connection.delete("/r/a/b");
    expect(shown(events)).toEqual([
      ...["changed /p", "changed /p", "children /p"],
      ...["created /r/a", "created /r/a/b", "changed /r/a/b", "deleted /r/a/b"],
    ]);
    expect(await connection.checkWatches("/p", "any")).toBe(true);
    await connection.removeWatches("/p", "any");
    expect(await connection.checkWatches("/p", "any")).toBe(false);
    await expect(connection.removeWatches("/p", "any")).rejects.toMatchObject({ code: "NOWATCHER" });
    await connection.setData("/p", bytes("3"));
    expect(events).toHaveLength(7);
  });

  test("can be set again, and report what changed meanwhile", async () => {
    const { connection, events } = await open(server);
    await connection.create("/again", nothing);
    const before = connection.lastZxid;
    await connection.create("/again/new", nothing);
    await connection.setData("/again", bytes("1"));
    const none = { data: [], exist: [], child: [], persistent: [], recursive: [] };
    await connection.setWatches(
      { ...none, data: ["/again", "/again/gone"], exist: ["/again/new", "/again/later"], child: ["/again"] },
      before,
    );
    expect([...shown(events)].sort()).toEqual(
      ["changed /again", "children /again", "created /again/new", "deleted /again/gone"].sort(),
    );
    await connection.setWatches({ ...none, persistent: ["/again"], recursive: ["/again/new"] }, before);
    await connection.create("/again/later", nothing);
    await connection.create("/again/new/x", nothing);
    expect(shown(events.slice(4))).toEqual([
      "created /again/later",
      "children /again",
      "created /again/new/x",
    ]);
  });
});

describe("a session", () => {
  test("is taken up again on another connection, with its ephemeral nodes", async () => {
    const first = await open(server);
    await first.connection.create("/kept", nothing, { ephemeral: true });
    first.connection.drop();
    expect(first.ends).toHaveLength(1);
    const { session } = first.connection;
    const second = await open(server, { resume: session });
    expect(second.connection.session.id).toBe(session.id);
    expect((await second.connection.exists("/kept"))?.ephemeralOwner).toBe(session.id);
    await second.connection.closeSession(5_000);
    const third = await open(server);
    expect(await third.connection.exists("/kept")).toBeUndefined();
    await expect(open(server, { resume: session })).rejects.toMatchObject({
      code: "SESSIONEXPIRED",
      number: -112,
    });
    await expect(
      open(server, { resume: { id: third.connection.session.id, password: new Uint8Array(16) } }),
    ).rejects.toMatchObject({ code: "SESSIONEXPIRED" });
  });

  test("grants a timeout, and never shows its password", async () => {
    const { connection } = await open(server, { sessionTimeoutMs: 1 });
    expect(connection.session.timeoutMs).toBe(200);
    const password = connection.session.password;
    const shownAs = [
      inspect(connection, { depth: 10, showHidden: true }),
      inspect(connection.session, { showHidden: true }),
      JSON.stringify({ ...connection.session, id: "" }),
    ].join();
    expect(password).toHaveLength(16);
    expect(shownAs).not.toContain(password.toString("hex"));
    expect(shownAs).not.toContain(inspect(password).slice(8, -1));
  });

  test("refuses requests once it is being closed, and its connection those after its end", async () => {
    const { connection, ends } = await open(server);
    const last = connection.getData("/");
    const closed = connection.closeSession(5_000);
    await expect(connection.getData("/")).rejects.toMatchObject({ code: "CLOSED", outcome: "not-sent" });
    await last;
    await closed;
    expect(ends).toHaveLength(1);
    await expect(connection.getData("/")).rejects.toMatchObject({
      code: "CONNECTION_LOST",
      outcome: "not-sent",
    });
  });

  test("whose server is behind what the client has seen is not taken up there", async () => {
    const attempt = open(server, { lastZxid: 1n << 62n, timeoutMs: 2_000 });
    await expect(attempt).rejects.toMatchObject({ name: "ConnectionError", code: "CONNECT_FAILED" });
  });
});

describe("requests", () => {
  test("of one turn go out together and are answered in order", async () => {
    const { connection, acknowledged } = await open(server);
    await connection.create("/n", nothing);
    const seen = acknowledged.length;
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 1_000 }, (_, i) =>
        connection.setData("/n", bytes(String(i))).then(({ version }) => order.push(version)),
      ),
    );
    expect(order).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1));
    expect(acknowledged.length - seen).toBeLessThan(3);
    expect(connection.pendingRequests).toBe(0);
  });

  test("that were sent end with an unknown outcome, those that were not with a certain one", async () => {
    const { connection, ends } = await open(server);
    const sent = connection.setData("/", nothing);
    await new Promise((resolve) => process.nextTick(resolve));
    const unsent = connection.setData("/", nothing);
    connection.drop(new Error("enough"));
    await expect(sent).rejects.toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown", path: "/" });
    await expect(unsent).rejects.toMatchObject({ code: "CONNECTION_LOST", outcome: "not-sent" });
    expect(ends).toEqual([new Error("enough")]);
  });

  test("beyond the limits are refused", async () => {
    const { connection } = await open(server, { limits: { maxPendingRequests: 2 } });
    const taken = [connection.getData("/"), connection.getData("/")];
    await expect(connection.getData("/")).rejects.toMatchObject({ code: "QUEUE_FULL", outcome: "not-sent" });
    await Promise.all(taken);
    await connection.getData("/");

    const small = await open(server, { limits: { maxQueuedBytes: 1_000 } });
    const filling = small.connection.setData("/", Buffer.alloc(2_000));
    await expect(small.connection.getData("/")).rejects.toMatchObject({ code: "QUEUE_FULL" });
    await filling;
    await small.connection.setData("/", nothing);
  });

  test("wait for the socket, and go on when it drains", async () => {
    const { connection } = await open(server);
    await connection.create("/big", nothing);
    const data = Buffer.alloc(500_000, "x");
    const stats = await Promise.all(Array.from({ length: 20 }, () => connection.setData("/big", data)));
    expect(stats.at(-1)?.version).toBe(20);
  });

  test("of whoAmI and sync are answered", async () => {
    const { connection } = await open(server);
    await connection.sync("/");
    expect(await connection.whoAmI()).toEqual([{ scheme: "ip", id: "127.0.0.1" }]);
  });

  test("whose listener throws don't harm the connection", async () => {
    const thrown: unknown[] = [];
    const catchAll = (error: unknown): void => void thrown.push(error);
    const before = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", catchAll);
    try {
      const { connection } = await open(server);
      await connection.exists("/", {
        replied: () => {
          throw new Error("of the listener");
        },
      });
      await vi.waitUntil(() => thrown.length > 0);
      await connection.exists("/");
    } finally {
      process.off("uncaughtException", catchAll);
      for (const listener of before) process.on("uncaughtException", listener);
    }
    expect(thrown).toEqual([new Error("of the listener")]);
  });
});

test("an attempt fails with a reason, in time, and can be aborted", async () => {
  await expect(openConnection({ host: "127.0.0.1", port: 1 })).rejects.toMatchObject({
    code: "CONNECT_FAILED",
    message: expect.stringContaining("127.0.0.1:1"),
    cause: { code: "ECONNREFUSED" },
  });
  const abort = new AbortController();
  const attempt = openConnection({ host: server.host, port: server.port, signal: abort.signal });
  abort.abort(new Error("not any more"));
  await expect(attempt).rejects.toThrow("not any more");
  await expect(openConnection({ host: "x", sessionTimeoutMs: 0.5 })).rejects.toThrow(TypeError);
});

test("errors are told apart", () => {
  expect(ZooKeeperError.is(new ZooKeeperError(-101, "/x"), "NONODE")).toBe(true);
  expect(ZooKeeperError.is(new ZooKeeperError(-101, "/x"), "NODEEXISTS")).toBe(false);
  expect(new ZooKeeperError(-9999)).toMatchObject({ code: "UNKNOWN", number: -9999 });
  expect(ConnectionError.is(new ConnectionError("CLOSED", ""), "CLOSED")).toBe(true);
});
