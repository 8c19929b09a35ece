import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChildHandle, ensureInstalled, spawnNode } from "@conclave/test-servers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ping } from "../src/docker.js";

const script = new URL("../dist/install.js", import.meta.url);
/** As on a machine with neither servers nor apt-get nor Docker. */
const bare = {
  PATH: "",
  DOCKER_HOST: "unix:///nonexistent/docker.sock",
  CONCLAVE_ETCD_URL: "",
  CONCLAVE_REDIS_URL: "",
  CONCLAVE_ZOOKEEPER_URL: "",
};

async function finished(child: ChildHandle) {
  const { code } = await child.exit;
  await child.line(/^$/).catch(() => {});
  return { code, out: child.stdout.join("\n"), err: child.stderr.join("\n") };
}

describe("the install script", () => {
  it("prints one line for each thing that is there", async () => {
    const { code, out, err } = await finished(spawnNode(script, { args: ["etcd", "redis", "zookeeper"] }));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^test-servers: etcd: .+\ntest-servers: redis: .+\ntest-servers: zookeeper: .+$/);
  });

  it.each([
    { CI: "true", expected: 1 },
    { CI: "", expected: 0 },
    { CI: "false", expected: 0 },
  ])("says loudly what is missing, and exits with $expected where CI is '$CI'", async ({ CI, expected }) => {
    const child = spawnNode(script, { args: ["etcd", "redis", "zookeeper"], env: { ...bare, CI } });
    const { code, out, err } = await finished(child);
    expect(code).toBe(expected);
    expect(out).toBe("");
    expect(err).toMatch(/\*\*\* .*etcd: MISSING: .*etcd-server/);
    expect(err).toMatch(/\*\*\* .*redis: MISSING: .*redis-server redis-tools redis-sentinel/);
    expect(err).toMatch(/\*\*\* .*zookeeper: MISSING: .*libzookeeper-java default-jre-headless/);
  });

  it("refuses to install what it doesn't know", async () => {
    const { code, err } = await finished(spawnNode(script, { args: ["etcetera"] }));
    expect(code).toBe(2);
    expect(err).toContain("unknown: etcetera");
  });

  it("can be called as a function", async () => {
    const reports = await ensureInstalled(["zookeeper", "etcd"]);
    expect(reports.map(({ need, ok }) => ({ need, ok }))).toEqual([
      { need: "zookeeper", ok: true },
      { need: "etcd", ok: true },
    ]);
  });
});

describe("without any server", () => {
  it.each(["etcd", "redis", "zookeeper"])("starting %s says what to install and how", async (kind) => {
    const child = spawnNode(new URL("./fixtures/owner.mjs", import.meta.url), { env: bare });
    await expect(child.call("start", kind)).rejects.toThrow(
      new RegExp(
        `no ${kind} to test with.*apt-get install.*dist/install\\.js.*CONCLAVE_${kind.toUpperCase()}_URL`,
        "s",
      ),
    );
    await child.kill();
  });
});

describe("asking for a Docker daemon", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "test-servers-"));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it.each([
    { status: 200, expected: true },
    { status: 500, expected: false },
    { status: undefined, expected: false },
  ])("$expected where the socket answers with $status", async ({ status, expected }) => {
    const asked: string[] = [];
    const daemon = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (status !== undefined) response.writeHead(status).end("OK");
    });
    const path = join(folder, "docker.sock");
    await new Promise<void>((resolve) => daemon.listen(path, resolve));
    expect(await ping(`unix://${path}`)).toBe(expected);
    expect(asked).toEqual(["GET /_ping"]);
    daemon.closeAllConnections();
    daemon.close();
  });

  it.each(["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1", "nonsense"])(
    "no at %s",
    async (address) => {
      expect(await ping(address)).toBe(false);
    },
  );
});
