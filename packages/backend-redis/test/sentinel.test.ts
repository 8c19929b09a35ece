import { connect } from "@conclave/api";
import { redis } from "@conclave/backend-redis";
import { type RedisSentinels, startRedisSentinels, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { direct, eventually } from "./helpers.js";

let group: RedisSentinels;
const FAILOVER_MS = 30_000;

beforeAll(async () => {
  group = await startRedisSentinels({ appendonly: "everysec" });
}, 90_000);
afterAll(() => group?.stop());

function open(namespace: string, sessionTimeoutMs = 3_000) {
  const backend = redis({ hosts: group.url, sentinel: { name: group.name } });
  return connect(backend, { namespace, sessionTimeoutMs });
}

/** Both are up, one follows the other, and the Sentinels know it. */
async function whole(): Promise<void> {
  await eventually(async () => {
    const master = await group.master();
    const replication = await direct(master.url, (client) => client.info("replication"));
    expect(replication).toMatch(/role:master[\s\S]*state=online/);
  }, FAILOVER_MS);
}

async function anotherMaster(than: TestServer): Promise<void> {
  await eventually(async () => {
    const { port } = await group.master();
    expect(port).not.toBe(than.port);
  }, FAILOVER_MS);
}

test("after the master was killed, writes, watches and leaderships go on at the one that takes over, and no call hangs", {
  timeout: 120_000,
}, async () => {
  await whole();
  const [a, b] = [await open("/failover"), await open("/failover")];
  await a.create("/n", "before");
  const seen: string[] = [];
  const watching = (async () => {
    for await (const node of a.watch("/n")) seen.push(new TextDecoder().decode(node?.data));
  })().catch(() => {});
  const first = await a.election("/e").campaign();
  await eventually(() => expect(seen).toEqual(["before"]));
  const master = await group.master();
  // What is not replicated yet is lost, which is what best-effort means; this is.
  await eventually(async () => expect(await direct(master.url, (client) => client.wait(1, 100))).toBe(1));
  const settled = (when: string) =>
    Promise.allSettled(Array.from({ length: 20 }, (_, i) => b.set("/n", `${when} ${i}`)));
  const underWay = settled("under way");
  await master.control?.kill();
  for (const outcome of [...(await underWay), ...(await settled("later"))]) {
    if (outcome.status === "rejected") expect(outcome.reason.name).toBe("ConclaveError");
  }
  await anotherMaster(master);
  await eventually(async () => expect(await b.set("/n", "after")).toBeDefined(), FAILOVER_MS);
  await eventually(() => expect(seen.at(-1)).toBe("after"), FAILOVER_MS);
  if (first.isHeld) await first.resign();
  const second = await b.election("/e").campaign({ timeoutMs: FAILOVER_MS });
  expect(second.token).toBeGreaterThan(first.token);
  await Promise.all([a.close(), b.close()]);
  await watching;
  await master.control?.restart();
  await whole();
});

test("tokens never go back, although the one that takes over has missed the newest ones", {
  timeout: 120_000,
}, async () => {
  await whole();
  const a = await open("/tokens", 10_000);
  const master = await group.master();
  const replica = group.servers.find(({ port }) => port !== master.port);
  if (replica === undefined) throw new Error("no replica");
  await a.create("/n");
  await eventually(async () => expect(await direct(master.url, (client) => client.wait(1, 100))).toBe(1));
  // From here on the replica hears nothing more.
  await direct(replica.url, (client) => client.replicaof("127.0.0.1", 1));
  let newest = 0n;
  for (let i = 0; i < 20; i++) {
    const leadership = await a.election("/e").campaign();
    newest = leadership.token;
    await leadership.resign();
  }
  await master.control?.kill();
  await anotherMaster(master);
  const b = await eventually(() => open("/tokens", 10_000), FAILOVER_MS);
  const leadership = await b.election("/e").campaign({ timeoutMs: FAILOVER_MS });
  expect(leadership.token).toBeGreaterThan(newest);
  await Promise.all([a.close(), b.close()]);
  await master.control?.restart();
  await whole();
});
