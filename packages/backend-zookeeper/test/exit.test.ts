import { freePort, spawnNode } from "@conclave/test-servers";
import { describe, expect, test } from "vitest";
import { setUpProxied, usedDriver } from "./support.js";

const at = setUpProxied();

const client = new URL("./fixtures/client.js", import.meta.url);
const spawn = (mode: string, hosts: string) => spawnNode(client, { args: [mode, hosts, usedDriver()] });
const byItself = { code: 0, signal: null };

describe("SES-10 no handle keeps the process alive, and nothing is printed", () => {
  const faults: Record<string, () => Promise<void> | void> = {
    "with a healthy connection": () => {},
    "in a black hole": () => at.proxy.blackHole(),
    "with a half-open connection": () => at.proxy.halfOpen(),
    "while the server refuses": () => at.proxy.refuse(),
  };
  const cases = ["close", "abandon"].flatMap((mode) => Object.keys(faults).map((fault) => ({ mode, fault })));
  test.each(cases)("after $mode $fault", async ({ mode, fault }) => {
    const child = spawn(mode, at.proxy.url);
    await child.line(/ready/);
    await faults[fault]?.();
    child.send("go on");
    expect(await child.exit).toEqual(byItself);
    expect(child.stdout.filter((line) => !/^(ready|done|CONNECTION_LOST)$/.test(line))).toEqual([]);
    expect(child.stderr).toEqual([]);
  });

  test("after a failed open", async () => {
    const child = spawn("failed-open", `127.0.0.1:${await freePort()}`);
    expect(await child.exit).toEqual(byItself);
    expect(child.stdout).toEqual(["CONNECT_FAILED", "done"]);
  });

  test("after an open that nobody answered", async () => {
    at.proxy.blackHole();
    const child = spawn("failed-open", at.proxy.url);
    expect(await child.exit).toEqual(byItself);
    expect(child.stdout).toEqual(["CONNECT_FAILED", "done"]);
  });

  test("after an aborted open", async () => {
    at.proxy.blackHole();
    const child = spawn("aborted-open", at.proxy.url);
    await child.line(/opening/);
    await expect.poll(() => at.proxy.connections).toBe(1);
    child.send("go on");
    expect(await child.exit).toEqual(byItself);
    expect(child.stdout).toEqual(["opening", "ABORTED", "done"]);
  });
});
