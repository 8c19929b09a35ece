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
  "downloads.js": ["five downloads, at most 2 at once", "still in line: 0"],
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
  "shards.js": ["east owns all of them", "east: 0,2,5,6; west: 1,3,4,7", "west goes on with all of them"],
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
