import { execFileSync, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { connect } from "@conclave/api";
import { backendAt } from "@conclave/examples/stores";
import { startServer } from "@conclave/test-servers";
import { describe, expect, test } from "vitest";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const timeLimitMs = 120_000;

const titles = [
  "one leader at a time",
  "fencing tokens grow",
  "failover in time",
  "unfinished work passed on",
  "no task lost",
  "the old leader came back as a follower",
];

interface Ended {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
  /** Processes that it had when it was interrupted. */
  readonly children: readonly number[];
  /** What it left in the folder for temporary files. */
  readonly leftovers: readonly string[];
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Interrupts the demo once its output contains this. */
  readonly interruptAt?: string;
}

/** Runs the built demo to its end. */
function run(args: readonly string[], { env = {}, interruptAt }: RunOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...env } });
    let output = "";
    let errors = "";
    let children: readonly number[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const isNew = interruptAt !== undefined && !output.includes(interruptAt);
      output += text;
      if (!isNew || !output.includes(interruptAt)) return;
      children = childrenOf(child.pid);
      child.kill("SIGINT");
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    child.once("error", reject);
    child.once("close", (status) => {
      const leftovers = readdirSync(tmpdir()).filter((name) => name.includes(`-${child.pid}-`));
      resolve({ status, output, errors, children, leftovers });
    });
  });
}

function childrenOf(parent: number | undefined): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([pid, ppid]) => (pid !== undefined && ppid === parent ? [pid] : []));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function expectSuccess({ status, output, errors, leftovers }: Ended): void {
  for (const title of titles) expect(output).toContain(`✓ ${title}`);
  expect(output).not.toContain("✗");
  expect(output).toContain("All 6 checks held.");
  expect({ status, errors: errors.replace(/^test-servers: .*\n/gm, "") }).toEqual({ status: 0, errors: "" });
  expect(leftovers).toEqual([]);
}

test("in memory", { timeout: timeLimitMs }, async () => {
  const ended = await run([]);
  expectSuccess(ended);
  expect(ended.output).not.toContain("\u001b[");
  expect(ended.output).toContain("32 of 32 tasks have their right result");
});

test("in memory, the fewest and the most workers", { timeout: timeLimitMs }, async () => {
  expectSuccess(await run(["--workers", "2", "--tasks", "4"]));
  expectSuccess(await run(["--workers", "32", "--tasks", "64"]));
});

describe.each(["zookeeper", "etcd", "redis"] as const)("on %s", (backend) => {
  test("a server for the occasion", { timeout: timeLimitMs }, async () => {
    expectSuccess(await run(["--backend", backend, "--workers", "3"]));
  });

  test("an existing server is left as it was", { timeout: timeLimitMs }, async () => {
    const server = await startServer(backend);
    try {
      const names = async () => {
        const coordinator = await connect(await backendAt(backend, server.url));
        const children = await coordinator.children("/");
        await coordinator.close();
        return children.map(({ name }) => name);
      };
      const before = await names();
      expectSuccess(await run(["--backend", backend, "--url", server.url, "--workers", "2"]));
      expect(await names()).toEqual(before);
    } finally {
      await server.stop();
    }
  });

  test("interrupted, it stops what it started", { timeout: timeLimitMs }, async () => {
    const ended = await run(["--backend", backend, "--workers", "2"], { interruptAt: "publishes" });
    expect(ended.status).toBe(130);
    expect(ended.output).not.toContain("Checked");
    // Two workers and the server.
    expect(ended.children.length).toBeGreaterThanOrEqual(2);
    await expect.poll(() => ended.children.filter(isAlive)).toEqual([]);
    expect(ended.leftovers).toEqual([]);
  });

  test("without a server to start, it says what to install", { timeout: timeLimitMs }, async () => {
    const variable = `CONCLAVE_${backend.toUpperCase()}_URL`;
    const env = { PATH: "/nonexistent", DOCKER_HOST: "unix:///nonexistent", [variable]: "" };
    const ended = await run(["--backend", backend], { env });
    expect(ended.status).toBe(1);
    expect(ended.errors).toContain("apt-get install");
  });
});

test("wrong options: status 2 and a hint", { timeout: timeLimitMs }, async () => {
  const wrong = await run(["--workers", "1"]);
  expect(wrong.status).toBe(2);
  expect(wrong.errors).toContain("--workers 1");
  const wrongUrl = await run(["--backend", "zookeeper", "--url", "127.0.0.1:2181:1"]);
  expect(wrongUrl.status).toBe(2);
  expect(wrongUrl.errors).toContain("--url");
});

test("--help", { timeout: timeLimitMs }, async () => {
  const { status, output } = await run(["--help"]);
  expect(status).toBe(0);
  expect(output).toContain("--backend");
});
