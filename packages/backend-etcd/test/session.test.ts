import { createServer } from "node:net";
import { connect } from "@conclave/api";
import { etcd } from "@conclave/backend-etcd";
import { expireSession } from "@conclave/backend-etcd/testing";
import { startZooKeeper } from "@conclave/test-servers";
import { Etcd3 } from "etcd3";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  bytes,
  create,
  errorOf,
  eventually,
  facts,
  Listing,
  linearizable,
  nearest,
  set,
  setUp,
} from "./helpers.js";

const setting = setUp();

async function leases(): Promise<string[]> {
  const client = new Etcd3({ hosts: setting.server.url });
  try {
    return (await client.leaseClient.leaseLeases()).leases.map((lease) => BigInt(lease.ID).toString(16));
  } finally {
    client.close();
  }
}

describe("opening", () => {
  test("grants whole seconds, as the store says, counted from before the request", async () => {
    const before = performance.now();
    const { session } = await setting.open({ sessionTimeoutMs: 2_300 });
    expect(session.timeoutMs).toBe(3_000);
    expect(session.openedAtMs).toBeGreaterThanOrEqual(before);
    expect(session.openedAtMs).toBeLessThan(performance.now());
    expect(await leases()).toContain(session.id);
  });

  test("makes the namespace, without ancestors, and finds it again", async () => {
    const namespace = `${setting.namespace}/in/it`;
    const { session } = await setting.open({ namespace });
    const root = await session.get("/", linearizable);
    expect(root).toMatchObject({ path: "/", version: 0, ephemeralOwner: undefined });
    const { session: other } = await setting.open({ namespace });
    expect(await other.get("/", linearizable)).toEqual(root);
  });

  test.each([0, 1, 5, 10, 20, 40])("aborted after %i ms leaves nothing", async (delayMs) => {
    const before = new Set(await leases());
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error("enough")), delayMs);
    setting.proxy.latency(5);
    const opening = setting.open({ through: "proxy", signal: abort.signal });
    const outcome = await opening.then(
      () => "opened",
      (error: unknown) => error,
    );
    if (outcome === "opened") return;
    expect(outcome).toMatchObject({ code: "ABORTED" });
    setting.proxy.heal();
    await eventually(() => expect(setting.proxy.connections).toBe(0));
    expect((await leases()).filter((lease) => !before.has(lease))).toEqual([]);
  });

  test.each([0, 1, 2, 3])(
    "OUT-4 aborted after %i turns of the event loop leaves no connection",
    async (turns) => {
      const abort = new AbortController();
      setting.proxy.latency(5);
      const failing = errorOf(setting.open({ through: "proxy", signal: abort.signal }));
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      abort.abort(new Error("enough"));
      expect(await failing).toMatchObject({ code: "ABORTED" });
      setting.proxy.heal();
      // Later connections come after those of the aborted opening.
      await setting.open({ through: "proxy", namespace: "/" }).then(({ session }) => session.close());
      await eventually(() => expect(setting.proxy.connections).toBe(0));
    },
  );

  test("at any of the hosts, not always at the first", async () => {
    const random = vi.spyOn(Math, "random").mockReturnValue(0.99);
    onTestFinished(() => void random.mockRestore());
    setting.proxy.blackHole();
    await setting.open({ options: { hosts: [setting.proxy.url, setting.server.url] } });
    expect(setting.proxy.connections).toBe(0);
  });

  test("at the second host when the first is down", async () => {
    const { session } = await setting.open({
      options: { hosts: ["127.0.0.1:1", setting.server.url] },
    });
    expect(await session.get("/", linearizable)).toBeDefined();
  });
});

describe("opening where there is no etcd", () => {
  async function failure(host: string, more: object = {}) {
    return errorOf(
      etcd({ hosts: host, ...more }).open({
        namespace: "/",
        sessionTimeoutMs: 1_000,
        connectTimeoutMs: 10_000,
        signal: new AbortController().signal,
        observer: facts(),
      }),
    );
  }

  test("names host, port and cause", async () => {
    const error = await failure("127.0.0.1:1");
    expect(error).toMatchObject({ code: "CONNECT_FAILED", retryable: true });
    expect(error.message).toBe("no session at etcd: 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1");
    const unknown = await failure("no-such-host.invalid:2379");
    expect(unknown.message).toMatch(/^no session at etcd: no-such-host\.invalid:2379: (?!something)/);
  });

  test.each([
    ["HTTP", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"],
    ["Redis", "-ERR unknown command 'PRI'\r\n"],
    ["silence that ends", ""],
  ])("but %s", async (_name, answer) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", () => socket.end(answer));
    });
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(Object(server.address()).port));
    });
    try {
      const error = await failure(`127.0.0.1:${port}`);
      expect(error).toMatchObject({ code: "CONNECT_FAILED" });
      expect(error.message).toMatch(
        new RegExp(`^no session at etcd: 127.0.0.1:${port}: something answers there, but not as etcd does`),
      );
      expect(error.message).not.toMatch(/No connection established|\d{4}-\d\d-\d\d/);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test("but something that never answers", async () => {
    setting.proxy.blackHole();
    const error = await failure(setting.proxy.url, { connectTimeoutMs: 200 });
    expect(error).toMatchObject({ code: "CONNECT_FAILED" });
    expect(error.message).toContain("200 ms");
  });

  test("connect names a host that is silent, and one that is not comes in time", async () => {
    setting.proxy.blackHole();
    const { url } = setting.proxy;
    const error = await errorOf(connect(etcd({ hosts: url }), { connectTimeoutMs: 1_500 }));
    expect(error).toMatchObject({ code: "CONNECT_FAILED" });
    expect(error.message).toContain(
      `could not connect to etcd within 1500 ms: no session at etcd: ${url.replace("http://", "")}: no answer within 1200 ms`,
    );
    // Whichever of them comes first: the last can only be too late if the others had all of the time.
    const hosts = [url, url, setting.server.url].join();
    const coordinator = await connect(etcd({ hosts }), { connectTimeoutMs: 4_500 });
    await coordinator.close();
  });

  test("but a ZooKeeper", async () => {
    const zookeeper = await startZooKeeper();
    try {
      const error = await failure(`127.0.0.1:${zookeeper.port}`, { connectTimeoutMs: 2_000 });
      expect(error).toMatchObject({ code: "CONNECT_FAILED" });
      expect(error.message).toContain(
        `127.0.0.1:${zookeeper.port}: something answers there, but not as etcd`,
      );
    } finally {
      await zookeeper.stop();
    }
  });
});

describe("contact", () => {
  test("lost is told once, refuses calls at once, and comes back as the same session", async () => {
    const { session, facts } = await setting.open({ through: "proxy" });
    await session.commit([create("/e", { ephemeral: true })], undefined);
    await setting.proxy.refuse();
    await eventually(() => expect(facts.disconnections).toHaveLength(1));
    for (const call of [
      session.get("/e", linearizable),
      session.commit([create("/x")], undefined),
      session.enqueue("/line", { label: "lock", data: bytes("") }, nearest),
    ]) {
      expect(await errorOf(call)).toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied" });
    }
    expect(await errorOf(session.renew(100))).toMatchObject({ code: "CONNECTION_LOST" });
    const renewing = session.renew(5_000);
    await setting.proxy.accept();
    expect(await renewing).toBeLessThan(performance.now());
    expect(await session.get("/e", linearizable)).toMatchObject({ ephemeralOwner: session.id });
    expect(facts.disconnections).toHaveLength(1);
    expect(facts.ends).toEqual([]);
  });

  test("half open is given up by a renewal that is not answered", async () => {
    const { session, facts } = await setting.open({ through: "proxy" });
    const listing = new Listing();
    session.watchChildren("/", listing);
    await eventually(() => expect(listing.snapshots).toBe(1));
    await session.renew(1_000);
    setting.proxy.halfOpen();
    const accepted = setting.proxy.accepted;
    const pending = errorOf(session.commit([create("/x")], undefined));
    const read = errorOf(session.get("/x", linearizable));
    expect(await errorOf(session.renew(200))).toMatchObject({ code: "CONNECTION_LOST" });
    expect(await pending).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
    expect(await read).toMatchObject({ code: "CONNECTION_LOST" });
    expect(facts.disconnections).toHaveLength(1);
    await session.renew(5_000);
    expect(setting.proxy.accepted).toBeGreaterThan(accepted);
    await session.commit([create("/y")], undefined);
    await eventually(() => expect(listing.names?.has("y")).toBe(true));
  });

  test("through a restart of the server keeps session, nodes and watches", async () => {
    const { session, facts } = await setting.open();
    await session.commit([create("/e", { ephemeral: true }), create("/p")], undefined);
    const listing = new Listing();
    session.watchChildNodes("/p", listing);
    await eventually(() => expect(listing.snapshots).toBe(1));
    await setting.server.control?.restart();
    await session.renew(10_000);
    await session.commit([create("/p/after")], undefined);
    await eventually(() => expect(listing.names?.has("after")).toBe(true));
    expect(await session.get("/e", linearizable)).toMatchObject({ ephemeralOwner: session.id });
    expect(facts.disconnections).toHaveLength(1);
    expect(facts.ends).toEqual([]);
  });

  test("a session expired while cut off learns of it when it comes back", async () => {
    const { session, facts } = await setting.open({ through: "proxy" });
    await setting.proxy.refuse();
    await expireSession(setting.server.url, session.id);
    const renewing = errorOf(session.renew(5_000));
    await setting.proxy.accept();
    expect(await renewing).toMatchObject({ code: "SESSION_LOST" });
    await eventually(() => expect(facts.ends).toHaveLength(1));
  });
});

test("a session that is expired at the store says so unasked", async () => {
  const { session, facts } = await setting.open();
  await expireSession(setting.server.url, session.id);
  await eventually(() => expect(facts.ends).toHaveLength(1));
});

test("nodes vanish with a session that is not renewed, and at once on close", async () => {
  const { session: witness } = await setting.open();
  const { session: closing, facts: closed } = await setting.open();
  const { session: dying } = await setting.open({ sessionTimeoutMs: 1_000 });
  await closing.commit([create("/closing", { ephemeral: true })], undefined);
  await dying.commit([create("/dying", { ephemeral: true })], undefined);
  dying.abandon();
  dying.abandon();
  await Promise.all([closing.close(), closing.close()]);
  expect(await witness.get("/closing", linearizable)).toBeUndefined();
  expect(closed).toMatchObject({ ends: [], disconnections: [] });
  await eventually(async () => expect(await witness.get("/dying", linearizable)).toBeUndefined());
  await dying.close();
});

test.each([
  ["is cut", () => setting.proxy.cut({ reset: true })],
  ["nobody knows to be dead", () => {}],
])(
  "SES-6 close on a connection that %s takes the ephemeral nodes away all the same",
  async (_name, fault) => {
    const { session: witness } = await setting.open();
    const { session, facts } = await setting.open({ through: "proxy" });
    await session.renew(5_000);
    await session.commit([create("/e", { ephemeral: true })], undefined);
    setting.proxy.halfOpen();
    const closing = session.close();
    await new Promise((resolve) => setImmediate(resolve));
    fault();
    await closing;
    expect(await witness.get("/e", linearizable)).toBeUndefined();
    expect(facts).toMatchObject({ ends: [], disconnections: [] });
  },
);

test("close while the store is out of reach ends, and settles what is pending", async () => {
  const { session, facts } = await setting.open({ through: "proxy", sessionTimeoutMs: 1_000 });
  setting.proxy.blackHole();
  const pending = [errorOf(session.commit([set("/", "x")], undefined)), errorOf(session.renew(60_000))];
  await session.close();
  for (const error of await Promise.all(pending)) {
    expect(error).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
  }
  expect(facts.disconnections).toEqual([]);
});
