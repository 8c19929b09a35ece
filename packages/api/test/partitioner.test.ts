import { ConclaveError, connect } from "@conclave/api";
import type { Backend } from "@conclave/api/backend";
import { MemoryCluster, memory, VirtualClock } from "@conclave/backend-memory";
import { describe, expect, test } from "vitest";

function setup() {
  const clock = new VirtualClock();
  const cluster = new MemoryCluster({ clock });
  const join = async (backend: Backend) => {
    const connecting = connect(backend, { sessionTimeoutMs: 3_000 });
    await clock.advance(0);
    return connecting;
  };
  return { clock, cluster, join };
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

const partitions = 20;

describe("partitioner", () => {
  test("what joining, a change and leaving cost", async () => {
    const { clock, cluster, join } = setup();
    const backends = [memory({ cluster }), memory({ cluster })] as const;
    const [a, b] = [await join(backends[0]), await join(backends[1])];
    const stop = new AbortController();
    const run = (coordinator: typeof a, id: string) => {
      const partitioner = coordinator.partitioner("/p", { partitions, id });
      partitioner.run(({ signal }) => untilAborted(signal), { signal: stop.signal }).catch(() => {});
      return partitioner;
    };
    const counts = ({ requests }: (typeof backends)[0]) =>
      (["get", "commit", "enqueue", "standing", "leave"] as const).map((method) => requests.of(method));
    for (const { requests } of backends) requests.reset();
    const first = run(a, "a");
    await clock.advance(0);
    expect(first.owned.length).toBe(partitions);
    // The number of partitions is looked up and, by the first, said; the member's node; a place in each line.
    expect(counts(backends[0])).toEqual([1, 2, partitions, 0, 0]);
    for (const { requests } of backends) requests.reset();
    const second = run(b, "b");
    await clock.advance(0);
    const moved = second.owned.length;
    expect(moved).toBeGreaterThan(0);
    expect(first.owned.length).toBe(partitions - moved);
    // What moves is left by one and joined by the other, who asks once more when the one ahead has gone.
    expect(counts(backends[0])).toEqual([0, 0, 0, 0, moved]);
    const [gets, commits, enqueues, standings, leaves] = counts(backends[1]);
    expect([gets, commits, enqueues, leaves]).toEqual([1, 1, moved, 0]);
    expect(standings).toBeLessThanOrEqual(moved);
    stop.abort();
    await clock.advance(0);
    expect([...first.owned, ...second.owned]).toEqual([]);
  });

  test("PART-8: a member's node is removed though the store fails to do so at first", async () => {
    const { clock, cluster, join } = setup();
    const inner = memory({ cluster });
    let refusals = 0;
    const failing: Backend = {
      name: inner.name,
      capabilities: inner.capabilities,
      clock: inner.clock,
      async open(options) {
        const session = await inner.open(options);
        const commit = session.commit.bind(session);
        session.commit = async (operations, guard) => {
          const [first] = operations;
          if (first?.type !== "delete" || refusals > 2) return commit(operations, guard);
          refusals += 1;
          throw new ConclaveError("STORE_ERROR", "too many requests");
        };
        return session;
      },
    };
    const [a, b] = [await join(failing), await join(memory({ cluster }))];
    const stop = new AbortController();
    const running = a.partitioner("/p", { partitions: 2 }).run(() => {}, { signal: stop.signal });
    running.catch(() => {});
    await clock.advance(0);
    stop.abort();
    await clock.advance(0);
    await expect(running).rejects.toMatchObject({ code: "ABORTED" });
    const other = b.partitioner("/p", { partitions: 2 });
    other.run(() => {}).catch(() => {});
    await clock.advance(1_000);
    expect(refusals).toBe(3);
    expect(other.owned).toEqual([0, 1]);
  });

  test("OUT-4: run rejects at once when its signal aborts while the store does not answer", async () => {
    const { clock, cluster, join } = setup();
    const backend = memory({ cluster });
    const a = await join(backend);
    backend.faults.blackHole();
    const stop = new AbortController();
    let outcome: unknown = "pending";
    a.partitioner("/p", { partitions: 2 })
      .run(() => {}, { signal: stop.signal })
      .catch((error) => {
        outcome = error.code;
      });
    await clock.advance(10);
    stop.abort();
    await clock.advance(0);
    expect(outcome).toBe("ABORTED");
  });

  test("work that is done with a partition before its signal aborts is not begun again by a disconnection", async () => {
    const { clock, cluster, join } = setup();
    const backend = memory({ cluster });
    const a = await join(backend);
    let begun = 0;
    const partitioner = a.partitioner("/p", { partitions: 2 });
    const work = () => {
      begun += 1;
    };
    partitioner.run(work).catch(() => {});
    await clock.advance(0);
    backend.faults.refuse();
    await clock.advance(500);
    backend.faults.accept();
    await clock.advance(2_000);
    expect([begun, partitioner.owned]).toEqual([2, [0, 1]]);
    await clock.advance(0);
  });
});
