import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type TestServer } from "@conclave/test-servers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { startBinary } from "../src/binary.js";
import { type EtcdOptions, etcd } from "../src/etcd.js";
import { claimPort, folder } from "../src/port-claims.js";
import { type ZooKeeperOptions, zookeeper } from "../src/zookeeper.js";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

type NextPort = () => Promise<number>;

function startEtcd(options: EtcdOptions, nextPort?: NextPort): Promise<TestServer> {
  const binary = etcd.findBinary();
  if (binary === undefined) throw new Error("etcd is not installed");
  return startBinary(etcd, binary, options, nextPort);
}

function startZooKeeper(options: ZooKeeperOptions, nextPort?: NextPort): Promise<TestServer> {
  const binary = zookeeper.findBinary();
  if (binary === undefined) throw new Error("zookeeper is not installed");
  return startBinary(zookeeper, binary, options, nextPort);
}

/** Starts a local server with these ports to begin with, and says how many of them it has tried. */
async function startOn(kind: "etcd" | "zookeeper", ports: readonly number[]) {
  let tried = 0;
  const nextPort = async (): Promise<number> => ports[tried++] ?? freePort();
  const server = await (kind === "etcd" ? startEtcd({}, nextPort) : startZooKeeper({}, nextPort));
  cleanups.push(() => server.stop());
  return { server, tried };
}

async function occupied(): Promise<number> {
  const listener: Server = createServer((socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => listener.close());
  return Number(Object(listener.address()).port);
}

describe("a local server", () => {
  it.each(["etcd", "zookeeper"] as const)("%s starts elsewhere when its port is taken", async (kind) => {
    const port = await occupied();
    const { server, tried } = await startOn(kind, [port]);
    expect(server.port).not.toBe(port);
    expect(tried).toBe(kind === "etcd" ? 4 : 2);
  });

  it("etcd starts elsewhere when its second port is taken", async () => {
    const first = await freePort();
    const { server, tried } = await startOn("etcd", [first, await occupied()]);
    expect(server.port).not.toBe(first);
    expect(tried).toBe(4);
  });

  it.each(["etcd", "zookeeper"] as const)(
    "%s is not mistaken for another that has its port",
    async (kind) => {
      const { server: other } = await startOn(kind, []);
      const { server, tried } = await startOn(kind, [other.port]);
      expect(server.port).not.toBe(other.port);
      expect(tried).toBe(kind === "etcd" ? 4 : 2);
    },
  );
});

describe("a local server that doesn't start", () => {
  it("is reported with the end of its log, and leaves no folder behind", async () => {
    const temporary = mkdtempSync(join(tmpdir(), "test-servers-"));
    vi.stubEnv("TMPDIR", temporary);
    cleanups.push(vi.unstubAllEnvs, () => rmSync(temporary, { recursive: true }));
    await expect(startEtcd({ args: ["--no-such-flag"] })).rejects.toThrow(
      /etcd did not start.*no-such-flag/s,
    );
    await expect(startZooKeeper({ config: { tickTime: "soon" } })).rejects.toThrow(
      /zookeeper did not start.*soon/s,
    );
    expect(readdirSync(temporary)).toEqual([]);
  });

  it("is given up after the time that it was given", async () => {
    await expect(startZooKeeper({ startTimeoutMs: 1 })).rejects.toThrow("not ready within 1 ms");
  });
});

describe("freePort", () => {
  it("never gives the same port twice", async () => {
    const ports = await Promise.all(Array.from({ length: 1_000 }, freePort));
    expect(new Set(ports).size).toBe(1_000);
  });

  it("gives no port that another process was given and does not listen on now", async () => {
    const port = await freePort();
    const claim = join(folder, String(port));
    expect(readFileSync(claim, "utf8")).toBe(String(process.pid));
    expect(claimPort(port)).toBe(false);
    // Its owner has died: nobody's at the first look, and to be had at the second.
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    writeFileSync(claim, String(pid));
    expect(claimPort(port)).toBe(false);
    expect(claimPort(port)).toBe(true);
  });
});
