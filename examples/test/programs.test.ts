import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connect } from "@conclave/api";
import { startServer, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backendAt, backendNames } from "../src/stores.js";

const folder = fileURLToPath(new URL("../dist", import.meta.url));

/** What each program prints; a program that is not here fails the test below. */
const expected: Record<string, readonly string[]> = {
  "billing.js": [
    "invoice 1 goes to 10.0.0.7, token",
    "invoice 2 goes to 10.0.0.7, token",
    "invoice 3 goes to 10.0.0.7, token",
    "invoices sent: 3",
  ],
  "catalogue.js": ["one reads spring", "two reads spring", "three reads summer"],
  "crew.js": [
    "ann takes the jobs 0, 3, 6",
    "cid takes the jobs 2, 5, 8",
    "crew: ben busy, cid idle",
    "present: ann false, ben true",
    "left: cid",
  ],
  "directory.js": [
    "in turn: web-1, web-2; stale: false",
    "while web-1 is down: web-2, web-2",
    "user 7 stays: true",
    "added web-1 at 8080; added web-2 at 8080",
    "updated web-1 at 8081",
    "removed web-2 at 8080",
    "names: web",
    "nobody offers anything",
  ],
  "downloads.js": ["five downloads, never more than two at once: true", "still in line: 0"],
  "inventory.js": ["takes one of 3", "takes one of 2", "may the warehouse? false"],
  "invoices.js": [
    "sent to Eve, urgent\nsent to Ann\nsent to Bob",
    "attempt 2: nowhere to send it to",
    "given up after 2 attempts: no address",
  ],
  "orders.js": [
    "each has a sum of its own: 2,4,6",
    "from 6 to 5: true, and again: false",
    "open orders: 5",
    "open orders: 0",
  ],
  "rounds.js": [
    "maintenance is done\n",
    "worker 1 works in round 1",
    "worker 3 works in round 1",
    "worker 1 works in round 2",
    "worker 3 works in round 2",
  ],
  "settings.js": [
    "the service allows 10 connections in eu-1",
    "refused before it was sent",
    "doubled to 20, version 1",
    "INVALID_DATA, and still 20 connections",
  ],
  "leader.js": ["b sees that a leads", "now b leads, and still holds: true"],
  "shards.js": ["east owns all of them", "east: 1,2,4,5; west: 0,3,6,7", "west goes on with all of them"],
};

/** What the programs share. */
const shared = ["command-line.js", "stores.js"];
const programs = readdirSync(folder).filter((name) => name.endsWith(".js") && !shared.includes(name));

function run(name: string, ...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  // The limit is for one that hangs: several run at once, each of which starts anew.
  return promisify(execFile)(process.execPath, [name, ...args], { cwd: folder, timeout: 60_000 });
}

test("every program is expected to print something", () => {
  expect(programs.sort()).toEqual(Object.keys(expected).sort());
});

describe.each(backendNames)("on %s", { concurrent: true, timeout: 70_000 }, (backend) => {
  let server: TestServer | undefined;
  beforeAll(async () => {
    if (backend !== "memory") server = await startServer(backend);
  });
  afterAll(() => server?.stop());

  test.each(programs)("%s runs, says what it should, and ends by itself", async (name) => {
    const options = server === undefined ? [] : ["--backend", backend, "--url", server.url];
    const { stdout, stderr } = await run(name, ...options);
    expect(stderr).toBe("");
    for (const line of expected[name] ?? []) expect(stdout).toContain(line);
  });

  test.sequential("nothing of them is left", async () => {
    const coordinator = await connect(await backendAt(backend, server?.url));
    const names = (await coordinator.children("/")).map(({ name }) => name);
    await coordinator.close();
    expect(names.filter((name) => name.startsWith("conclave-example-"))).toEqual([]);
  });
});

test.each([
  [["--backend", "consul"], "memory|zookeeper|etcd|redis"],
  [["--url", "127.0.0.1:6379"], "the memory backend has no server"],
  [["--bakend", "redis"], "--bakend"],
])("%j is refused, saying what would do", async (options, hint) => {
  await expect(run("leader.js", ...options)).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining(hint),
  });
});
