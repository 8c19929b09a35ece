import { connect } from "@conclave/api";
import { redis } from "@conclave/backend-redis";
import { ask, type RedisCluster, startRedisCluster, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auth, user } from "./access.js";
import { makeCertificates } from "./certificates.js";
import { direct, eventually } from "./helpers.js";

/* By TLS, with certificates on both sides, as a user with the permissions that are documented and no others. */
const { files, tls, remove } = makeCertificates();
const FAILOVER_MS = 30_000;
let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await startRedisCluster({
    appendonly: false,
    replicas: true,
    tls: files,
    config: { user: user.inCluster },
  });
}, 90_000);
afterAll(async () => {
  await cluster?.stop();
  remove();
});

function open(namespace: string, { hosts = cluster.url, sessionTimeoutMs = 3_000 } = {}) {
  return connect(redis({ hosts, cluster: true, tls, auth }), { namespace, sessionTimeoutMs });
}

/** The master that has the namespace's keys, and its replica. */
async function pairOf(namespace: string): Promise<{ master: TestServer; replica: TestServer }> {
  for (const [i, first] of cluster.masters.entries()) {
    const second = cluster.replicas[i];
    if (second === undefined) throw new Error("no replica");
    for (const [master, replica] of [
      [first, second],
      [second, first],
    ] as const) {
      const role = await ask(master.url, ["INFO", "replication"]).catch(() => "out of reach");
      if (!role.includes("role:master")) continue;
      if ((await ask(master.url, ["KEYS", `conclave:{${namespace}}*`])) !== "*0") return { master, replica };
    }
  }
  throw new Error(`nobody has ${namespace}`);
}

async function replicated(master: TestServer): Promise<void> {
  await eventually(async () => expect(await direct(master.url, (client) => client.wait(1, 100))).toBe(1));
}

test("after the master was killed, writes, watches and leaderships go on at its replica, and no call hangs", {
  timeout: 120_000,
}, async () => {
  const a = await open("/failover");
  await a.create("/n", "before");
  const { master, replica } = await pairOf("/failover");
  // Of all the nodes it was given only the one that goes.
  const b = await open("/failover", { hosts: `rediss://127.0.0.1:${master.ports.at(-1)}` });
  const seen: string[] = [];
  const watching = (async () => {
    for await (const node of a.watch("/n")) seen.push(new TextDecoder().decode(node?.data));
  })().catch(() => {});
  const first = await a.election("/e").campaign();
  await eventually(() => expect(seen).toEqual(["before"]));
  // What is not replicated yet is lost, which is what best-effort means; this is.
  await replicated(master);
  const settled = (when: string) =>
    Promise.allSettled(Array.from({ length: 20 }, (_, i) => b.set("/n", `${when} ${i}`)));
  const underWay = settled("under way");
  await master.control?.kill();
  for (const outcome of [...(await underWay), ...(await settled("later"))]) {
    if (outcome.status === "rejected") expect(outcome.reason.name).toBe("ConclaveError");
  }
  await eventually(async () => expect(await b.set("/n", "after")).toBeDefined(), FAILOVER_MS);
  await eventually(() => expect(seen.at(-1)).toBe("after"), FAILOVER_MS);
  if (first.isHeld) await first.resign();
  const second = await b.election("/e").campaign({ timeoutMs: FAILOVER_MS });
  expect(second.token).toBeGreaterThan(first.token);
  await Promise.all([a.close(), b.close()]);
  await watching;
  expect((await pairOf("/failover")).master.port, "it took over").toBe(replica.port);
  await master.control?.restart();
  await replicated(replica);
});

test("tokens never go back, although the replica that takes over has missed the newest ones", {
  timeout: 120_000,
}, async () => {
  const namespace = "/tokens";
  const a = await open(namespace, { sessionTimeoutMs: 10_000 });
  await a.create("/n");
  const { master, replica } = await pairOf(namespace);
  await replicated(master);
  // From here on the replica hears nothing more: it is not let in any more.
  await direct(replica.url, async (client) => {
    await client.config("SET", "masteruser", "nobody");
    await client.config("SET", "masterauth", "wrong");
    await client.client("KILL", "TYPE", "master");
  });
  let newest = 0n;
  for (let i = 0; i < 20; i++) {
    const leadership = await a.election("/e").campaign();
    newest = leadership.token;
    await leadership.resign();
  }
  await master.control?.kill();
  const b = await eventually(() => open(namespace, { sessionTimeoutMs: 10_000 }), FAILOVER_MS);
  const leadership = await b.election("/e").campaign({ timeoutMs: FAILOVER_MS });
  expect(leadership.token).toBeGreaterThan(newest);
  expect((await pairOf(namespace)).master.port).toBe(replica.port);
  await Promise.all([a.close(), b.close()]);
});
