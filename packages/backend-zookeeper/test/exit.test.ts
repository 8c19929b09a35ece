import {
  type FaultProxy,
  freePort,
  spawnNode,
  startProxy,
  startZooKeeper,
  type TestServer,
} from "@conclave/test-servers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { usedDriver } from "./support.js";

let server: TestServer;
let proxy: FaultProxy;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());
beforeEach(async () => {
  proxy = await startProxy({ target: server });
});
afterEach(() => proxy.close());

const client = new URL("./fixtures/client.js", import.meta.url);
const spawn = (mode: string, hosts: string) => spawnNode(client, { args: [mode, hosts, usedDriver()] });
const byItself = { code: 0, signal: null };

describe("SES-10 no handle keeps the process alive, and nothing is printed", () => {
  const faults: Record<string, () => Promise<void> | void> = {
    "with a healthy connection": () => {},
    "in a black hole": () => proxy.blackHole(),
    "with a half-open connection": () => proxy.halfOpen(),
    "while the server refuses": () => proxy.refuse(),
  };
  const cases = ["close", "abandon"].flatMap((mode) => Object.keys(faults).map((fault) => ({ mode, fault })));
  test.each(cases)("after $mode $fault", async ({ mode, fault }) => {
    const child = spawn(mode, proxy.url);
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
    proxy.blackHole();
    const child = spawn("failed-open", proxy.url);
    expect(await child.exit).toEqual(byItself);
    expect(child.stdout).toEqual(["CONNECT_FAILED", "done"]);
  });

  test("after an aborted open", async () => {
    proxy.blackHole();
    const child = spawn("aborted-open", proxy.url);
    await child.line(/opening/);
    await expect.poll(() => proxy.connections).toBe(1);
    child.send("go on");
    expect(await child.exit).toEqual(byItself);
    expect(child.stdout).toEqual(["opening", "ABORTED", "done"]);
  });
});
