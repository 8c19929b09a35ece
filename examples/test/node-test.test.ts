import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("the suite runs under node:test", async () => {
  const file = fileURLToPath(new URL("../dist/minimal-backend/node-test.js", import.meta.url));
  // Of vitest's own environment nothing may reach the other runner.
  const env = { PATH: process.env.PATH };
  const args = ["--test", "--test-reporter=tap", file];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 20_000 });
  expect(stdout).toContain("NODE-4");
  expect(stdout).toMatch(/^# pass [1-9][0-9]+$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
}, 30_000);
