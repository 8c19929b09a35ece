import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connect } from "@conclave/api";
import { MemoryCluster, memory, VirtualClock } from "@conclave/backend-memory";
import { expect, test } from "vitest";

const sessions = 50;
const waitersEach = 20;
const waiters = sessions * waitersEach;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heapBytes(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

test("LEAD-5: 1,000 waiters on one lock hold in strict order, one wake a release, and leave nothing behind", async () => {
  const clock = new VirtualClock();
  const cluster = new MemoryCluster({ clock });
  const connecting = Array.from({ length: sessions }, () =>
    connect(memory({ cluster }), { sessionTimeoutMs: 10_000 }),
  );
  await clock.advance(0);
  const coordinators = await Promise.all(connecting);

  /** All wait at once, then each holds and releases; resolves with their tokens in the order in which they held. */
  const run = async (): Promise<readonly bigint[]> => {
    const tokens: bigint[] = [];
    const [blocking] = await Promise.all([coordinators[0]?.lock("/lock").acquire(), clock.advance(0)]);
    const waits = coordinators.flatMap((coordinator) =>
      Array.from({ length: waitersEach }, () =>
        coordinator.lock("/lock").withLock(async (hold) => {
          tokens.push(hold.token);
          await coordinator.get("/");
        }),
      ),
    );
    await clock.advance(0);
    expect({ waiting: cluster.nodes - 2, holding: tokens.length }).toEqual({ waiting: waiters, holding: 0 });
    cluster.requests.reset();
    await Promise.all([blocking?.release(), ...waits, clock.advance(0)]);
    return tokens;
  };

  /** Every waiter held, in the order in which the store let them into the line. */
  const expectInOrder = (tokens: readonly bigint[]) => {
    expect(tokens.length).toBe(waiters);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)));
  };
  // Once before measuring, for what is made at first use.
  expectInOrder(await run());
  const before = { nodes: cluster.nodes, timers: clock.pending, heap: heapBytes() };
  expectInOrder(await run());
  // Each release wakes the next alone, which looks once; the others hear nothing.
  expect(cluster.requests.of("standing")).toBe(waiters);
  expect(cluster.requests.of("leave")).toBe(waiters + 1);
  expect({ nodes: cluster.nodes, timers: clock.pending }).toEqual({
    nodes: before.nodes,
    timers: before.timers,
  });
  for (let round = 0; round < 3; round += 1) expectInOrder(await run());
  // One waiter that stayed behind in each of these rounds would be 3,000 of them, of a kilobyte or more each.
  expect(heapBytes() - before.heap).toBeLessThan(1_000_000);
  await Promise.all([...coordinators.map((coordinator) => coordinator.close()), clock.advance(0)]);
});
