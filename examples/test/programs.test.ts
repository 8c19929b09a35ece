import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const folder = fileURLToPath(new URL("../dist", import.meta.url));

/** What each program prints; a program that is not here fails the test below. */
const expected: Record<string, readonly string[]> = {
  "billing.js": [
    "invoice 1 goes to 10.0.0.7, token",
    "invoice 2 goes to 10.0.0.7, token",
    "invoice 3 goes to 10.0.0.7, token",
    "invoices sent: 3",
  ],
  "directory.js": ["pick: 10.0.0.7:8080, stale: false", "ports: 8081", "nobody offers web"],
  "inventory.js": ["takes one of 3", "takes one of 2", "may the warehouse? false"],
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
};

const programs = readdirSync(folder).filter((name) => name.endsWith(".js"));

test("every program is expected to print something", () => {
  expect(programs.sort()).toEqual(Object.keys(expected).sort());
});

test.each(programs)("%s runs, says what it should, and ends by itself", async (name) => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [name], {
    cwd: folder,
    timeout: 15_000,
  });
  expect(stderr).toBe("");
  for (const line of expected[name] ?? []) expect(stdout).toContain(line);
});
