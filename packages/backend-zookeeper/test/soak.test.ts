import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ChildNode } from "@conclave/api/backend";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { collect, collectChildren, create, openSession, remove, set } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper({ maxSessionTimeoutMs: 20_000 });
});
afterAll(() => server.stop());

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

async function heapBytes(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

const width = 50;
/** Create, watch, set, delete. */
const operationsPerTurn = 4;
const bytesPerOperation = 40;

// Less than the smallest object that could be left behind, for every operation; a million would come to less than 40 MB.
test("50,000 operations, watches set, fired and stopped among them, leave nothing on the heap", async () => {
  const { session, disconnections } = await openSession(server.url, {
    driver: "typescript",
    sessionTimeoutMs: 20_000,
  });
  await session.commit([create("/soak")], undefined);
  let changes = 0;
  session.watchChildNodes("/soak", {
    ...collectChildren<ChildNode>(),
    changed: () => changes++,
    removed: () => changes++,
  });
  let fired = 0;
  const turn = async (path: string) => {
    await session.commit([create(path)], undefined);
    const sink = collect();
    const stop = session.watchNode(path, sink);
    await vi.waitUntil(() => sink.states.length === 1, { interval: 1, timeout: 15_000 });
    await session.commit([set(path, "changed")], undefined);
    await session.commit([remove(path)], undefined);
    await vi.waitUntil(() => sink.states.at(-1) === undefined, { interval: 1, timeout: 15_000 });
    stop();
    fired += sink.states.length - 1;
  };
  const run = (part: number, operations: number) =>
    Promise.all(
      Array.from({ length: width }, async (_, worker) => {
        for (let i = 0; i < operations / operationsPerTurn / width; i++)
          await turn(`/soak/${part}-${worker}-${i}`);
      }),
    );
  await run(0, 10_000);
  const before = await heapBytes();
  await run(1, 40_000);
  const grown = (await heapBytes()) - before;
  expect(fired).toBeGreaterThan(12_500);
  // Fewer than happened: what changes again while it is read is reported once.
  expect(changes).toBeGreaterThan(1_000);
  expect(disconnections).toEqual([]);
  expect(grown).toBeLessThan(40_000 * bytesPerOperation);
}, 120_000);
