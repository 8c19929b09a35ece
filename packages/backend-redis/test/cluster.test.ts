import { systemClock } from "@conclave/api/backend";
import { redis } from "@conclave/backend-redis";
import { allSuites, conformance } from "@conclave/conformance";
import { startRedisCluster } from "@conclave/test-servers";
import { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "./helpers.js";

const name = "redis-cluster";
const sessionTimeoutMs = 2_000;
const basics = ["nodes", "sequential nodes", "transactions", "watches", "election"];

conformance({
  runner: { describe, it, beforeAll, afterAll },
  name,
  capabilities: redis({ hosts: "127.0.0.1", cluster: true, persistence: "everysec" }).capabilities,
  sessionTimeoutMs,
  offers: [],
  // What needs a fault is proven on a single server; here, that each namespace is served by one of several.
  suites: allSuites.filter((suite) => basics.includes(suite.name)),
  start: async () => {
    const cluster = await startRedisCluster({ appendonly: "everysec" });
    return {
      name,
      sessionTimeoutMs,
      expiryBoundMs: 250,
      clock: systemClock,
      client: async () => ({
        backend: redis({ hosts: cluster.url, cluster: true, persistence: "everysec" }),
        close: async () => {},
      }),
      stop: () => cluster.stop(),
    };
  },
});

describe("a Cluster", () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
  beforeAll(async () => {
    cluster = await startRedisCluster({ appendonly: "everysec" });
  }, 60_000);
  afterAll(() => cluster?.stop());

  const open = (backend: ReturnType<typeof redis>, namespace: string) =>
    backend.open({
      namespace,
      sessionTimeoutMs: 5_000,
      connectTimeoutMs: 10_000,
      signal: new AbortController().signal,
      observer: { disconnected() {}, ended() {} },
    });
  const operation = { type: "create", data: new Uint8Array(), ephemeral: false, sequential: false } as const;

  it("has namespaces on all of its masters, by one seed, and by a client of the caller's", async () => {
    const seed = redis({ hosts: cluster.masters[0]?.url ?? "", cluster: true });
    const client = new Cluster(cluster.masters.map(({ host, port }) => ({ host, port })));
    await eventually(() => expect(client.status).toBe("ready"));
    const used = new Set<number>();
    for (let i = 0; i < 12; i++) {
      const namespace = `/ns-${i}`;
      const session = await open(i % 2 === 0 ? seed : redis({ client }), namespace);
      await session.commit([{ ...operation, path: "/a/b", parents: true }], undefined);
      expect((await session.children("/", { linearizable: true }))?.map((child) => child.name)).toEqual([
        "a",
      ]);
      for (const { url, port } of cluster.masters) {
        const node = new Redis(url);
        if ((await node.keys(`conclave:{${namespace}}*`)).length > 0) used.add(port);
        node.disconnect();
      }
      await session.close();
    }
    expect(used.size).toBe(3);
    expect(client.status).toBe("ready");
    client.disconnect();
  });

  it("is not there for a namespace whose slot nobody serves (CLUSTERDOWN), until somebody does", async () => {
    const session = await open(redis({ hosts: cluster.url, cluster: true }), "/down");
    const nodes = cluster.masters.map(({ url }) => new Redis(url));
    const slot = Number(await nodes[0]?.cluster("KEYSLOT", "conclave:{/down}"));
    const owned = await Promise.all(nodes.map((node) => node.keys("conclave:{/down}*")));
    const owner = owned.findIndex((keys) => keys.length > 0);
    await nodes[owner]?.cluster("DELSLOTS", slot);
    const failure = await session.get("/", { linearizable: true }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied" });
    expect(String(failure)).toMatch(/CLUSTERDOWN/);
    await nodes[owner]?.cluster("ADDSLOTS", slot);
    await eventually(() => session.renew(1_000));
    expect(await session.get("/", { linearizable: true })).toBeDefined();
    await session.close();
    for (const node of nodes) node.disconnect();
  });

  it("goes on at another master when the slot has moved there (MOVED)", async () => {
    const session = await open(redis({ hosts: cluster.url, cluster: true }), "/moving");
    await session.commit([{ ...operation, path: "/before", parents: false }], undefined);
    const base = "conclave:{/moving}";
    const nodes = cluster.masters.map(({ url }) => new Redis(url));
    const slot = Number(await nodes[0]?.cluster("KEYSLOT", base));
    const counts = await Promise.all(nodes.map((node) => node.keys(`${base}*`)));
    const from = counts.findIndex((keys) => keys.length > 0);
    const to = (from + 1) % nodes.length;
    const [source, target] = [nodes[from], nodes[to]];
    if (source === undefined || target === undefined) throw new Error("no node has the namespace");
    const [sourceId, targetId] = [await source.cluster("MYID"), await target.cluster("MYID")];
    await target.cluster("SETSLOT", slot, "IMPORTING", sourceId);
    await source.cluster("SETSLOT", slot, "MIGRATING", targetId);
    const { host = "", port = 0 } = cluster.masters[to] ?? {};
    await source.migrate(host, port, "", 0, 5_000, "KEYS", ...(counts[from] ?? []));
    for (const node of nodes) await node.cluster("SETSLOT", slot, "NODE", targetId);
    await eventually(async () => {
      await session.renew(1_000);
      await session.commit([{ ...operation, path: "/after", parents: false }], undefined);
    });
    expect((await session.children("/", { linearizable: true }))?.length).toBe(2);
    await session.close();
    for (const node of nodes) node.disconnect();
  });
});
