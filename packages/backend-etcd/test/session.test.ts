import { createServer } from "node:net";
import { etcd } from "@conclave/backend-etcd";
import { expireSession } from "@conclave/backend-etcd/testing";
import { Etcd3 } from "etcd3";
import { describe, expect, test } from "vitest";
import { bytes, create, errorOf, eventually, facts, Listing, linearizable, set, setUp } from "./helpers.js";

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
        signal: new AbortController().signal,
        observer: facts(),
      }),
    );
  }

  test("names host, port and cause", async () => {
    const error = await failure("127.0.0.1:1");
    expect(error).toMatchObject({ code: "CONNECT_FAILED", retryable: true });
    expect(error.message).toMatch(/127\.0\.0\.1:1.*ECONNREFUSED/);
    expect((await failure("no-such-host.invalid:2379")).message).toContain("no-such-host.invalid:2379");
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
      expect(error.message).toContain(`127.0.0.1:${port}`);
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
      session.enqueue("/line", { label: "lock", data: bytes("") }),
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
