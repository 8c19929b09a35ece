import { inspect } from "node:util";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { ConnectionError, openConnection, ZooKeeperError } from "@conclave/zookeeper-client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { bytes, nothing, open, shown, uncaughtBy } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper({ controllable: true });
});
afterAll(() => server.stop());

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
    const thrown = await uncaughtBy(async () => {
      const { connection } = await open(server);
      await connection.exists("/", {
        replied: () => {
          throw new Error("of the listener");
        },
      });
      await connection.exists("/");
    });
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

test("an attempt with credentials that can't be used fails at once, and leaves nothing behind", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const tls = { key: "no key", cert: "no certificate" };
    const attempt = openConnection({ host: server.host, port: server.port, tls });
    await expect(attempt).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      cause: { code: expect.stringMatching(/PEM/) },
    });
    const wrong = [{ auth: [{ scheme: "digest", auth: 7 }] }, { resume: { id: 1, password: "secret" } }];
    for (const options of wrong) {
      // @ts-expect-error JavaScript may pass anything
      const refused = openConnection({ host: server.host, port: server.port, ...options });
      await expect(refused).rejects.toThrow(/^(?!.*secret).*(auth|resume): /);
    }
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test("errors are told apart", () => {
  expect(ZooKeeperError.is(new ZooKeeperError(-101, "/x"), "NONODE")).toBe(true);
  expect(ZooKeeperError.is(new ZooKeeperError(-101, "/x"), "NODEEXISTS")).toBe(false);
  expect(new ZooKeeperError(-9999)).toMatchObject({ code: "UNKNOWN", number: -9999 });
  expect(ConnectionError.is(new ConnectionError("CLOSED", ""), "CLOSED")).toBe(true);
});
