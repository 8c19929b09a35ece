import { connect } from "@conclave/api";
import { zookeeper } from "@conclave/backend-zookeeper";
import { type FaultProxy, startProxy, startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";

/* Several hosts, of which some are silent. */

const sessionTimeoutMs = 8_000;

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper({ maxSessionTimeoutMs: sessionTimeoutMs });
});
afterAll(() => server.stop());

async function host(): Promise<FaultProxy> {
  const proxy = await startProxy({ target: server });
  onTestFinished(() => proxy.close());
  return proxy;
}

test("SES-7 a session goes on at the last of its hosts when all others have fallen silent", async () => {
  const hosts = await Promise.all([host(), host(), host(), host()]);
  // Keeps their order.
  const random = vi.spyOn(Math, "random").mockReturnValue(0);
  onTestFinished(() => random.mockRestore());
  const coordinator = await connect(zookeeper({ hosts: hosts.map(({ url }) => url) }), { sessionTimeoutMs });
  onTestFinished(() => coordinator.close());
  const session = await coordinator.session();
  const states: string[] = [];
  void (async () => {
    for await (const state of session.states()) states.push(state);
  })();
  expect(hosts.map(({ connections }) => connections)).toEqual([1, 0, 0, 0]);
  const last = hosts.at(-1);
  for (const silent of hosts) if (silent !== last) silent.blackHole();
  await vi.waitUntil(() => states.length === 3, { timeout: 2 * sessionTimeoutMs });
  expect(states).toEqual(["connected", "suspended", "connected"]);
  expect(last?.connections).toBe(1);
});
