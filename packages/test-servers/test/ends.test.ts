import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChildHandle, spawnNode } from "@conclave/test-servers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { reachability } from "./helpers.js";

let owner: ChildHandle;
let temporary: string;

/** Without Docker: containers are not child processes, and end by other means. */
function spawnOwner(...args: readonly string[]): ChildHandle {
  const env = { TMPDIR: temporary, DOCKER_HOST: "unix:///nonexistent/docker.sock" };
  return spawnNode(new URL("./fixtures/owner.mjs", import.meta.url), { args, env });
}

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "test-servers-"));
  owner = spawnOwner();
});

afterEach(async () => {
  await owner.kill();
  rmSync(temporary, { recursive: true });
});

const gone = (holds: () => unknown): Promise<unknown> => vi.waitFor(holds, { timeout: 10_000, interval: 20 });

const endings: Record<string, () => unknown> = {
  "process.exit": () => owner.call("exit").catch(() => {}),
  "an uncaught error": () => owner.call("throwLater").catch(() => {}),
  SIGTERM: () => owner.kill("SIGTERM"),
  SIGINT: () => owner.kill("SIGINT"),
  SIGHUP: () => owner.kill("SIGHUP"),
};

describe.each(Object.keys(endings))("when the process that started them ends by %s", (ending) => {
  it("servers and children end too, and their folders are removed", async () => {
    const servers = [
      await owner.call("start", "etcd"),
      await owner.call("start", "zookeeper"),
      await owner.call("startPaused", "etcd"),
    ].map((server) => ({ host: String(Object(server).host), port: Number(Object(server).port) }));
    const pid = Number(await owner.call("spawn"));
    await endings[ending]?.();
    await owner.exit;
    for (const server of servers) {
      await gone(async () => expect(await reachability(server)).toBe("ECONNREFUSED"));
    }
    await gone(() => expect(() => process.kill(pid, 0)).toThrow("ESRCH"));
    expect(readdirSync(temporary)).toEqual([]);
  });
});

describe("on Linux, when it is killed with SIGKILL", () => {
  it("servers and children end too, even paused ones", async () => {
    const server = Object(await owner.call("startPaused", "etcd"));
    const pid = Number(await owner.call("spawn"));
    await owner.kill();
    const killedByKernel = process.platform === "linux" && existsSync("/usr/bin/setpriv");
    if (killedByKernel) {
      await gone(async () => expect(await reachability(server)).toBe("ECONNREFUSED"));
      await gone(() => expect(() => process.kill(pid, 0)).toThrow("ESRCH"));
    } else {
      expect(await reachability(server)).toBe("open");
      process.kill(pid);
    }
  });
});

describe("what a killed process has left behind", () => {
  it("is removed by the next one, and nothing else is", async () => {
    const other = spawnOwner();
    await other.call("start", "etcd");
    const [others] = readdirSync(temporary);
    await owner.call("start", "zookeeper");
    await owner.kill();
    mkdirSync(join(temporary, "conclave-notes"));
    expect(readdirSync(temporary)).toHaveLength(3);
    await other.call("start", "zookeeper");
    const now = readdirSync(temporary);
    expect(now).toHaveLength(3);
    expect(now).toContain(others);
    expect(now).toContain("conclave-notes");
    expect(now.filter((name) => name.includes(`-${owner.pid}-`))).toEqual([]);
    await other.kill("SIGTERM");
  });
});

describe("after close and stop", () => {
  it("nothing keeps the process alive", async () => {
    const ending = spawnOwner("proxy-and-end");
    expect(await ending.exit).toEqual({ code: 0, signal: null });
    expect(ending.stderr.filter((line) => !line.startsWith("test-servers:"))).toEqual([]);
  });
});
