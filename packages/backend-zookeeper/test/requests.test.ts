import { connect } from "@conclave/api";
import type { Operation } from "@conclave/api/backend";
import { zookeeper } from "@conclave/backend-zookeeper";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type FrameProxy, Opcode, startFrameProxy } from "./frame-proxy.js";
import { bytes, create, nearest, openSession, remove, SESSION_TIMEOUT_MS, set, until } from "./support.js";

/* What calls cost on the TypeScript driver: requests, and round trips, which are requests that wait for the reply to another. */

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());

const names = new Map<number | undefined, string>(Object.entries(Opcode).map(([name, code]) => [code, name]));

let proxy: FrameProxy;
/** What passes: `create` for a request, `-` for a reply. Pings are left out. */
let passed: string[];
beforeEach(async () => {
  proxy = await startFrameProxy(server.url);
  onTestFinished(() => proxy.close());
  passed = [];
  proxy.onRequest = ({ opcode }) => {
    if (opcode !== Opcode.ping) passed.push(names.get(opcode) ?? String(opcode));
    return "forward";
  };
  proxy.onReply = ({ opcode }) => {
    if (opcode !== undefined && opcode !== Opcode.ping) passed.push("-");
    return "forward";
  };
});

interface Cost {
  /** In the order in which they were sent. */
  readonly requests: readonly string[];
  readonly roundTrips: number;
}

/** Each reply is held back until all that does not wait for it has been sent. */
async function costOf(call: () => Promise<unknown>): Promise<Cost> {
  passed = [];
  const { onReply } = proxy;
  proxy.onReply = async (frame) => {
    if (frame.opcode !== undefined && frame.opcode !== Opcode.ping) await settled();
    return onReply(frame);
  };
  await call();
  proxy.onReply = onReply;
  const requests = passed.filter((what) => what !== "-");
  // Those that were sent with no reply in between made one round trip.
  const roundTrips = passed.filter(
    (what, index) => what !== "-" && (passed[index - 1] ?? "-") === "-",
  ).length;
  return { requests, roundTrips };
}

/** Nothing was sent for a while. */
async function settled(): Promise<void> {
  let before = -1;
  while (before !== passed.length) {
    before = passed.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const once = (request: string): Cost => ({ requests: [request], roundTrips: 1 });

describe("one request", () => {
  const cases: [string, string, (path: string) => Operation[]][] = [
    ["create", "create", (path) => [create(`${path}/new`)]],
    ["ephemeral create", "create", (path) => [create(`${path}/new`, { ephemeral: true })]],
    ["sequential create", "create", (path) => [create(`${path}/`, { sequential: true })]],
    ["create with parents that exist", "create", (path) => [create(`${path}/new`, { parents: true })]],
    ["set", "set", (path) => [set(path, "x")]],
    ["delete", "delete", (path) => [remove(path)]],
    ["transaction", "multi", (path) => [create(`${path}/a`), create(`${path}/a/b`), set(path, "x")]],
  ];
  test.each(cases)("serves: %s", async (name, request, operations) => {
    const path = `/${name.replaceAll(" ", "-")}`;
    const { session } = await openSession(proxy.url);
    await session.commit([create(path)], undefined);
    expect(await costOf(() => session.commit(operations(path), undefined))).toEqual(once(request));
  });

  test("serves: get, leave; and one round trip: linearizable get, enqueue, standing", async () => {
    const { session } = await openSession(proxy.url);
    await session.commit([create("/line")], undefined);
    const join = () => session.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
    const ticket = await join();
    expect(await costOf(() => session.get("/line", { linearizable: false }))).toEqual(once("getData"));
    const linearizable = await costOf(() => session.get("/line", { linearizable: true }));
    expect(linearizable).toEqual({ requests: ["sync", "getData"], roundTrips: 1 });
    expect(await costOf(join)).toEqual({ requests: ["create", "getChildren"], roundTrips: 1 });
    expect(await costOf(() => session.standing(ticket, nearest))).toEqual({
      requests: ["sync", "exists", "getChildren"],
      roundTrips: 1,
    });
    expect(await costOf(() => session.leave(ticket))).toEqual(once("delete"));
  });
});

test("two round trips: a guarded write, a create with parents that are missing", async () => {
  const { session } = await openSession(proxy.url);
  const ticket = await session.enqueue("/guards", { label: "lock", data: bytes("") }, nearest);
  await session.commit([create("/guarded")], undefined);
  expect(await costOf(() => session.commit([set("/guarded", "x")], ticket))).toEqual({
    requests: ["sync", "exists", "multi"],
    roundTrips: 2,
  });
  const parents = await costOf(() => session.commit([create("/a/b/c", { parents: true })], undefined));
  expect(parents).toEqual({ requests: ["create", ...Array(3).fill("create"), "create"], roundTrips: 2 });
});

test("a lock that nobody has is taken in one round trip, and released in one request", async () => {
  const coordinator = await connect(zookeeper({ hosts: proxy.url }), { sessionTimeoutMs: 60_000 });
  onTestFinished(() => coordinator.close());
  const lock = coordinator.lock("/lock");
  await (await lock.acquire()).release();
  const held: { release(): Promise<void> }[] = [];
  const { requests, roundTrips } = await costOf(async () => void held.push(await lock.acquire()));
  expect(requests.slice(0, 2)).toEqual(["create", "getChildren"]);
  expect(roundTrips).toBe(1);
  await settled();
  const released = await costOf(async () => held[0]?.release());
  expect(released.requests.filter((request) => request !== "18")).toEqual(["delete"]);
});

describe("renewals", () => {
  test("cost nothing while there is traffic, and one request while there is none", async () => {
    const { session } = await openSession(proxy.url);
    await session.renew(1_000);
    for (let i = 0; i < 5; i++) {
      await session.get("/", { linearizable: false });
      passed = [];
      const before = performance.now();
      const renewedAtMs = await session.renew(1_000);
      expect(passed).toEqual([]);
      expect(renewedAtMs).toBeLessThanOrEqual(before);
    }
    passed = [];
    const before = performance.now();
    expect(await session.renew(1_000)).toBeGreaterThanOrEqual(before);
    expect(passed).toEqual(["exists", "-"]);
  });

  test("a session that is used is kept by its use: nothing is sent for it alone", async () => {
    const coordinator = await connect(zookeeper({ hosts: proxy.url }), {
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
    });
    onTestFinished(() => coordinator.close());
    const session = await coordinator.session();
    const states: string[] = [];
    void (async () => {
      for await (const state of session.states()) states.push(state);
    })();
    passed = [];
    const until = performance.now() + 2 * session.timeoutMs;
    while (performance.now() < until) {
      await coordinator.get("/");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(passed.filter((what) => what !== "-" && what !== "getData")).toEqual([]);
    expect(states).toEqual(["connected"]);
  });

  test("what was acknowledged before a silence does not renew after it", async () => {
    const { session } = await openSession(proxy.url);
    await session.get("/", { linearizable: false });
    await session.renew(1_000);
    proxy.onRequest = () => "drop";
    await expect(session.renew(200)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    proxy.onRequest = () => "forward";
    await until(() => session.renew(1_000).then(() => true));
  });
});
