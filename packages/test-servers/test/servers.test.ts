import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ask,
  fourLetterWord,
  type Kind,
  startEtcd,
  startServer,
  startZooKeeper,
  type TestServer,
} from "@conclave/test-servers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { etcdRequest, get, put } from "./etcd-http.js";
import { reachability } from "./helpers.js";
import { openWireSession } from "./zk-wire.js";

const started: TestServer[] = [];
let temporary: string;

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "test-servers-"));
  vi.stubEnv("TMPDIR", temporary);
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
  vi.unstubAllEnvs();
  rmSync(temporary, { recursive: true });
});

async function start<K extends Kind>(kind: K): Promise<TestServer<K>> {
  const server = await startServer(kind, { controllable: true });
  started.push(server);
  return server;
}

function controlOf({ control }: TestServer) {
  if (control === undefined) throw new Error("no control");
  return control;
}

/** One real write, and one real read, of a kind of server. */
const write = {
  etcd: (server: TestServer) => put(server.url, "/kept", "yes"),
  redis: async (server: TestServer) => {
    expect(await ask(server.url, ["SET", "/kept", "yes"])).toBe("+OK");
  },
  zookeeper: async (server: TestServer) => {
    const session = await openWireSession(server, 1_000);
    expect(await session.create("/kept", "yes")).toBe(0);
    session.destroy();
  },
};
const read = {
  etcd: (server: TestServer) => get(server.url, "/kept"),
  redis: (server: TestServer) => ask(server.url, ["GET", "/kept"]),
  zookeeper: async (server: TestServer) => {
    const session = await openWireSession(server, 1_000);
    try {
      return await session.get("/kept");
    } finally {
      session.destroy();
    }
  },
};

describe.each(["etcd", "redis", "zookeeper"] as const)("%s", (kind) => {
  it("is ready when it is handed over, and says its version and address", async () => {
    const server = await start(kind);
    expect(server.kind).toBe(kind);
    expect(server.version).toMatch(/^\d+\.\d+\.\d+/);
    const scheme = { etcd: "http://", redis: "redis://", zookeeper: "" }[kind];
    expect(server.url).toBe(`${scheme}${server.host}:${server.port}`);
    await write[kind](server);
    expect(await read[kind](server)).toBe("yes");
  });

  it.each(["SIGKILL", "SIGTERM"] as const)("keeps data and port when restarted with %s", async (signal) => {
    const server = await start(kind);
    await write[kind](server);
    await controlOf(server).restart({ signal });
    expect(await read[kind](server)).toBe("yes");
  });

  it("answers nothing while paused, and what was asked meanwhile after that", async () => {
    const server = await start(kind);
    await write[kind](server);
    await controlOf(server).pause();
    let answered = false;
    const answer = read[kind](server).finally(() => {
      answered = true;
    });
    await expect(fetchSrvr(server, 300)).rejects.toThrow();
    expect(answered).toBe(false);
    await controlOf(server).resume();
    expect(await answer).toBe("yes");
  });

  it("can be restarted while paused", async () => {
    const server = await start(kind);
    await write[kind](server);
    await controlOf(server).pause();
    await controlOf(server).restart({ signal: "SIGTERM" });
    expect(await read[kind](server)).toBe("yes");
  });

  it("refuses connections once killed, until it is restarted", async () => {
    const server = await start(kind);
    await controlOf(server).kill();
    await controlOf(server).kill();
    expect(await reachability(server)).toBe("ECONNREFUSED");
    await controlOf(server).restart();
    expect(await reachability(server)).toBe("open");
  });

  it("stops for good, twice if asked, and leaves no folder behind", async () => {
    const server = await start(kind);
    const inUse = readdirSync(temporary).length;
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(await reachability(server)).toBe("ECONNREFUSED");
    expect(inUse).toBe(server.origin === "binary" ? 1 : 0);
    expect(readdirSync(temporary)).toEqual([]);
    await expect(controlOf(server).restart()).rejects.toThrow();
  });

  it("stays stopped when a restart was under way", async () => {
    const server = await start(kind);
    const restarted = controlOf(server).restart();
    await new Promise(setImmediate);
    await server.stop();
    await restarted;
    expect(await reachability(server)).toBe("ECONNREFUSED");
    expect(readdirSync(temporary)).toEqual([]);
  });

  it("runs several at once on ports of their own", async () => {
    const [one, two] = await Promise.all([start(kind), start(kind)]);
    await write[kind](one);
    expect(two.port).not.toBe(one.port);
    expect(await read[kind](two)).not.toBe("yes");
  });
});

describe("small timeouts", () => {
  it("etcd grants a lease of one second as asked", async () => {
    const server = await start("etcd");
    expect((await etcdRequest(server.url, "lease/grant", { TTL: "1" })).TTL).toBe("1");
  });

  it("etcd takes other timing", async () => {
    const server = await startEtcd({
      controllable: true,
      heartbeatIntervalMs: 100,
      electionTimeoutMs: 1_000,
    });
    started.push(server);
    expect((await etcdRequest(server.url, "lease/grant", { TTL: "1" })).TTL).toBe("2");
  });

  it.each([
    { options: {}, lowest: 200, highest: 2_000 },
    { options: { tickTimeMs: 50 }, lowest: 100, highest: 1_000 },
    { options: { minSessionTimeoutMs: 150, maxSessionTimeoutMs: 60_000 }, lowest: 150, highest: 60_000 },
  ])("zookeeper with $options grants $lowest to $highest ms", async ({ options, lowest, highest }) => {
    const server = await startZooKeeper({ controllable: true, ...options });
    started.push(server);
    const granted: number[] = [];
    for (const asked of [1, 3_600_000]) {
      const session = await openWireSession(server, asked);
      granted.push(session.grantedMs);
      session.destroy();
    }
    expect(granted).toEqual([lowest, highest]);
  });
});

describe("a server named by the environment", () => {
  it.each(["etcd", "redis", "zookeeper"] as const)("is used for %s, and left alone", async (kind) => {
    const running = await start(kind);
    vi.stubEnv(`CONCLAVE_${kind.toUpperCase()}_URL`, running.url);
    const server = await startServer(kind);
    expect(server).toMatchObject({
      origin: "env",
      url: running.url,
      host: running.host,
      port: running.port,
      version: running.version,
      control: undefined,
    });
    await server.stop();
    expect(await reachability(running)).toBe("open");
  });

  it("is passed over by a test that needs control", async () => {
    const running = await start("etcd");
    vi.stubEnv("CONCLAVE_ETCD_URL", running.url);
    const own = await start("etcd");
    expect(own.origin).not.toBe("env");
    expect(own.port).not.toBe(running.port);
  });

  it("is an error when it doesn't answer", async () => {
    const running = await start("zookeeper");
    vi.stubEnv("CONCLAVE_ZOOKEEPER_URL", running.url);
    await controlOf(running).kill();
    await expect(startServer("zookeeper", { startTimeoutMs: 200 })).rejects.toThrow(/CONCLAVE_ZOOKEEPER_URL/);
  });
});

function fetchSrvr(server: TestServer, timeoutMs: number): Promise<unknown> {
  if (server.kind === "redis") return ask(server.url, ["GET", "/kept"], timeoutMs);
  return server.kind === "etcd"
    ? get(server.url, "/kept", AbortSignal.timeout(timeoutMs))
    : fourLetterWord(server.host, server.port, "srvr", timeoutMs);
}
