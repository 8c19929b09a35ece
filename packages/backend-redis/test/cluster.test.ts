import { systemClock } from "@conclave/api/backend";
import { redis } from "@conclave/backend-redis";
import { allSuites, conformance } from "@conclave/conformance";
import { startRedisCluster } from "@conclave/test-servers";
import { Cluster, Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { create, errorOf, eventually, facts, Listing, linearizable, remove } from "./helpers.js";

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
    // One master that is out of reach does not stop the others.
    const config = { "cluster-require-full-coverage": "no" };
    cluster = await startRedisCluster({ appendonly: "everysec", config });
  }, 60_000);
  afterAll(() => cluster?.stop());

  const open = (backend: ReturnType<typeof redis>, namespace: string, observer = facts()) =>
    backend.open({
      namespace,
      sessionTimeoutMs: 20_000,
      connectTimeoutMs: 10_000,
      signal: new AbortController().signal,
      observer,
    });

  /** The master that has the keys of a namespace, another one, and its slot; with a client of each. */
  async function ownerOf(namespace: string) {
    const clients = cluster.masters.map(({ url }) => new Redis(url));
    const base = `conclave:{${namespace}}`;
    const slot = Number(await clients[0]?.cluster("KEYSLOT", base));
    const keys = await Promise.all(clients.map((client) => client.keys(`${base}*`)));
    const at = keys.findIndex((found) => found.length > 0);
    const to = (at + 1) % clients.length;
    const [owner, other, target] = [clients[at], clients[to], cluster.masters[to]];
    if (owner === undefined || other === undefined || target === undefined) throw new Error("nobody has it");
    const disconnect = () => {
      for (const client of clients) client.disconnect();
    };
    return { slot, owner, other, target, clients, disconnect };
  }

  it("has namespaces on all of its masters, by one seed, and by a client of the caller's", async () => {
    const seed = redis({ hosts: cluster.masters[0]?.url ?? "", cluster: true });
    const client = new Cluster(cluster.masters.map(({ host, port }) => ({ host, port })));
    await eventually(() => expect(client.status).toBe("ready"));
    const used = new Set<number>();
    for (let i = 0; i < 12; i++) {
      const namespace = `/ns-${i}`;
      const session = await open(i % 2 === 0 ? seed : redis({ client }), namespace);
      await session.commit([create("/a/b", { parents: true })], undefined);
      expect((await session.children("/", linearizable))?.map((child) => child.name)).toEqual(["a"]);
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
    const { owner, slot, disconnect } = await ownerOf("/down");
    await owner.cluster("DELSLOTS", slot);
    const failure = await errorOf(session.get("/", linearizable));
    expect(failure).toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied" });
    expect(failure.message).toMatch(/CLUSTERDOWN/);
    await owner.cluster("ADDSLOTS", slot);
    await eventually(() => session.renew(1_000));
    expect(await session.get("/", linearizable)).toBeDefined();
    await session.close();
    disconnect();
  });

  it("is found although the first of the nodes given does not answer", async () => {
    const [first] = cluster.masters;
    await first?.control?.pause();
    try {
      // Before the others take it for dead.
      const backend = redis({ hosts: cluster.url, cluster: true, connectTimeoutMs: 2_000 });
      const namespaces = ["/p0", "/p1", "/p2", "/p3"];
      const opened = await Promise.allSettled(namespaces.map((namespace) => open(backend, namespace)));
      const sessions = opened.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      expect(sessions, "those of the masters that answer").not.toEqual([]);
      for (const session of sessions) session.abandon();
    } finally {
      await first?.control?.resume();
    }
  });

  it("does nothing by halves while the slot moves to another master, and goes on there (TRYAGAIN, ASK, MOVED)", {
    timeout: 60_000,
  }, async () => {
    const namespace = "/moving";
    const backend = redis({ hosts: cluster.url, cluster: true });
    const seen = facts();
    const [writer, watcher] = [await open(backend, namespace, seen), await open(backend, namespace, seen)];
    await writer.commit([create("/d"), create("/d/x"), create("/q")], undefined);
    await writer.commit([create("/q/first", { ephemeral: true })], undefined);
    // All that a commit may look at is there, and so only what it writes can be missing.
    const children = new Listing();
    watcher.watchChildren("/d", children);
    watcher.watchChildren("/q", new Listing());
    for (const path of ["/d/x", "/d/y", "/q", "/q/second"])
      watcher.watchNode(path, { state() {}, failed() {} });
    await eventually(() => expect(children.names?.has("x")).toBe(true));

    let [there, next] = ["/d/x", "/d/y", "/q", "/q/second"];
    const outcomes = { applied: 0, "not-applied": 0, unknown: 0 };
    // It empties the key of the children in between.
    const swap = async () => {
      try {
        await writer.commit([remove(there), create(next)], undefined);
        outcomes.applied++;
        [there, next] = [next, there];
      } catch (error) {
        expect(error).toMatchObject({ code: "CONNECTION_LOST" });
        const { outcome } = await errorOf(Promise.reject(error));
        outcomes[outcome]++;
      }
    };
    const look = async () => {
      const listed = await watcher.children("/d", linearizable).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "CONNECTION_LOST" });
      });
      if (listed) expect(listed.map(({ name }) => `/d/${name}`)).toEqual([there]);
    };
    await swap();
    expect(outcomes.applied).toBe(1);

    const { slot, owner, other, target, clients, disconnect } = await ownerOf(namespace);
    const [ownerId, targetId] = [await owner.cluster("MYID"), await other.cluster("MYID")];
    await other.cluster("SETSLOT", slot, "IMPORTING", ownerId);
    await owner.cluster("SETSLOT", slot, "MIGRATING", targetId);
    // Its receipt takes the place of the only one that there is.
    const second = await errorOf(writer.commit([create("/q/second", { ephemeral: true })], undefined));
    expect(second).toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied" });
    for (;;) {
      await Promise.allSettled([writer.renew(100), watcher.renew(100)]);
      await swap();
      await look();
      const [key] = (await owner.cluster("GETKEYSINSLOT", slot, 1)) as string[];
      if (key === undefined) break;
      await owner.migrate(target.host, target.port, "", 0, 5_000, "KEYS", key);
    }
    for (const client of clients) await client.cluster("SETSLOT", slot, "NODE", targetId);
    disconnect();
    expect(outcomes["not-applied"], "the slot was on its way").toBeGreaterThan(0);
    expect(outcomes.unknown, "each was told whether it was done").toBe(0);

    await eventually(async () => {
      await Promise.all([writer.renew(1_000), watcher.renew(1_000)]);
      await look();
      expect(outcomes.applied).toBe(1);
    });
    expect(await writer.get("/q/second", linearizable)).toBeUndefined();
    await swap();
    expect(outcomes.applied).toBe(2);
    await eventually(() =>
      expect([...(children.names?.keys() ?? [])].map((name) => `/d/${name}`)).toEqual([there]),
    );
    expect(seen.ends).toEqual([]);
    await Promise.all([writer.close(), watcher.close()]);
  });
});
