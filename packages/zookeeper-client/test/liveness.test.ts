import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { fakeServer, granted, onPackets, reply } from "./fake-server.js";
import { bytes, nothing, open, proxied, SESSION_TIMEOUT_MS } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper({ controllable: true, maxSessionTimeoutMs: 60_000 });
});
afterAll(() => server.stop());

const timeoutMs = 1_500;

describe("an idle connection", () => {
  test("is kept alive by pings, and says when the one that was answered was sent", async () => {
    const begun = performance.now();
    const { connection, acknowledged, ends } = await open(server, { sessionTimeoutMs: timeoutMs });
    await vi.waitUntil(() => acknowledged.length >= 8, { timeout: 8 * timeoutMs, interval: 20 });
    const gaps = acknowledged.map((at, i) => at - (acknowledged[i - 1] ?? begun));
    // The handshake's was sent at once, pings after a third of the timeout each.
    for (const gap of gaps.slice(1)) expect(gap).toBeGreaterThan(timeoutMs / 3 - 5);
    expect(connection.lastAckSentAtMs).toBe(acknowledged.at(-1));
    expect(ends).toEqual([]);
  });

  test("takes the answer to a ping for a sign of when that was sent, not of when it was answered", async () => {
    const pings: { readonly heardAtMs: number; readonly answeredAtMs: number }[] = [];
    const slow = await fakeServer((socket) => {
      onPackets(socket, (_, index) => {
        if (index === 0) {
          socket.write(granted(900));
          return;
        }
        const heardAtMs = performance.now();
        setTimeout(() => {
          pings.push({ heardAtMs, answeredAtMs: performance.now() });
          socket.write(reply(-2, 1n, 0));
        }, 150);
      });
    });
    const { acknowledged } = await open(slow);
    await vi.waitUntil(() => acknowledged.length >= 4, { timeout: 10_000, interval: 5 });
    for (const [i, sentAtMs] of acknowledged.slice(1).entries()) {
      expect(sentAtMs).toBeLessThanOrEqual(pings[i]?.heardAtMs ?? 0);
      expect(sentAtMs).toBeGreaterThan(pings[i - 1]?.answeredAtMs ?? 0);
    }
  });

  test("ends when the server falls silent", async () => {
    const between = await proxied(server);
    const { ends } = await open(between, { sessionTimeoutMs: timeoutMs });
    between.blackHole();
    const since = performance.now();
    await vi.waitUntil(() => ends.length > 0, { timeout: 2 * timeoutMs, interval: 5 });
    expect(ends[0]).toMatchObject({ code: "NO_ANSWER" });
    expect(performance.now() - since).toBeGreaterThan(timeoutMs / 4);
  });

  test("ends when the server's side of it is gone without a word", async () => {
    const between = await proxied(server);
    const { ends } = await open(between, { sessionTimeoutMs: timeoutMs });
    between.halfOpen();
    await vi.waitUntil(() => ends.length > 0, { timeout: 2 * timeoutMs, interval: 5 });
    expect(ends[0]).toMatchObject({ code: "NO_ANSWER" });
  });
});

test("what is asked acknowledges as pings do, so that a busy connection sends none", async () => {
  const between = await proxied(server);
  const { connection } = await open(between, { sessionTimeoutMs: timeoutMs });
  let asked = 0;
  const until = performance.now() + 2 * timeoutMs;
  while (performance.now() < until) {
    const before = performance.now();
    await connection.exists("/");
    asked++;
    expect(connection.lastAckSentAtMs).toBeGreaterThanOrEqual(before);
    expect(connection.lastAckSentAtMs).toBeLessThanOrEqual(performance.now());
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  // The handshake, then requests of 17 bytes each: nothing else.
  expect(between.bytes.toServer).toBe(49 + asked * 18);
});

test("authentication is answered, but no sign for the session", async () => {
  const { connection, acknowledged } = await open(server, { sessionTimeoutMs: 60_000 });
  const at = connection.lastAckSentAtMs;
  await connection.addAuth("digest", "user:password");
  expect(connection.lastAckSentAtMs).toBe(at);
  await connection.sync("/");
  expect(connection.lastAckSentAtMs).toBeGreaterThan(at);
  expect(acknowledged).toHaveLength(2);
});

test("a pause of this process is no silence of the server", async () => {
  const { connection, ends } = await open(server, { sessionTimeoutMs: 2 * timeoutMs });
  const until = performance.now() + 1.6 * timeoutMs;
  while (performance.now() < until) {
    // The event loop stands still.
  }
  await connection.exists("/");
  expect(ends).toEqual([]);
});

test("requests under way when the connection is cut have an unknown outcome", async () => {
  const between = await proxied(server);
  const { connection, ends } = await open(between);
  between.blackHole();
  const request = connection.setData("/", nothing);
  await new Promise((resolve) => setImmediate(resolve));
  between.cut({ reset: true });
  await expect(request).rejects.toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
  expect(ends).toHaveLength(1);
});

test("a network that delivers byte by byte changes nothing", async () => {
  const between = await proxied(server);
  between.slice(1);
  const { connection, events } = await open(between, { sessionTimeoutMs: 30_000 });
  await connection.create("/sliced", bytes("data"));
  await connection.getData("/sliced", { watch: true });
  const read = await Promise.all([
    connection.setData("/sliced", bytes("more")),
    connection.getData("/sliced"),
    connection.getChildren("/"),
  ]);
  expect(read[1].data.toString()).toBe("more");
  expect(events).toMatchObject([{ type: "changed", path: "/sliced" }]);
});

test("large replies arrive whole in pieces of any size", async () => {
  const between = await proxied(server);
  const { connection } = await open(between, { sessionTimeoutMs: 30_000 });
  const data = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251));
  await connection.create("/large", data);
  for (const size of [999, 16_384, 65_536, 100_003]) {
    between.slice(size);
    const replies = await Promise.all([1, 2, 3].map(() => connection.getData("/large")));
    for (const reply of replies) expect(reply.data.equals(data)).toBe(true);
  }
});

test("the server's silence during the handshake ends the attempt in time", async () => {
  const between = await proxied(server);
  between.blackHole();
  const since = performance.now();
  await expect(open(between, { timeoutMs: 300 })).rejects.toMatchObject({ code: "CONNECT_FAILED" });
  expect(performance.now() - since).toBeLessThan(SESSION_TIMEOUT_MS);
});
