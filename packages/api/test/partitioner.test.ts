import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Partition } from "@conclave/api";
import type { BackendSession, ChildNode } from "@conclave/api/backend";
import { describe, expect, test } from "vitest";
import { memoryStore, range, refusing, sessionTimeoutMs, stateOf, untilAborted } from "./support.js";

const partitions = 20;

/** Watches of children see nothing of the nodes of other sessions, as if each had come and gone between two looks. */
function unseeing(session: BackendSession): void {
  const watch = session.watchChildNodes.bind(session);
  const isSeen = ({ node }: ChildNode) => node.ephemeralOwner === session.id;
  session.watchChildNodes = (path, sink) =>
    watch(path, {
      snapshot: (children) => sink.snapshot(children?.filter(isSeen)),
      changed: (child) => {
        if (isSeen(child)) sink.changed(child);
      },
      removed: (name) => sink.removed(name),
      failed: (error) => sink.failed(error),
    });
}

describe("partitioner", () => {
  test("what joining, a change and leaving cost", async () => {
    const { clock, join } = memoryStore();
    const clients = [await join(), await join()] as const;
    const backends = [clients[0].backend, clients[1].backend] as const;
    const [a, b] = [clients[0].coordinator, clients[1].coordinator];
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
    // The number of partitions is looked up and, by the first, said; the member's node and its revision; a place in each line.
    expect(counts(backends[0])).toEqual([2, 2, partitions, 0, 0]);
    for (const { requests } of backends) requests.reset();
    const second = run(b, "b");
    await clock.advance(0);
    const moved = second.owned.length;
    expect(moved).toBeGreaterThan(0);
    expect(first.owned.length).toBe(partitions - moved);
    // What moves is left by one and joined by the other, who asks once more when the one ahead has gone.
    expect(counts(backends[0])).toEqual([0, 0, 0, 0, moved]);
    const [gets, commits, enqueues, standings, leaves] = counts(backends[1]);
    expect([gets, commits, enqueues, leaves]).toEqual([2, 1, moved, 0]);
    expect(standings).toBeLessThanOrEqual(moved);
    stop.abort();
    await clock.advance(0);
    expect([...first.owned, ...second.owned]).toEqual([]);
  });

  test("PART-6: of a name whose node came and went before it was seen, a member joins all the same", async () => {
    const { clock, now, join } = memoryStore();
    const [{ coordinator: a }, { coordinator: b }] = [await join(), await join(unseeing)];
    await now(a.create("/p/members/same", "", { ephemeral: true, parents: true }));
    const partitioner = b.partitioner("/p", { partitions: 2, id: "same" });
    partitioner.run(() => {}).catch(() => {});
    await clock.advance(100);
    expect(partitioner.owned).toEqual([]);
    await now(a.delete("/p/members/same"));
    await clock.advance(500);
    expect(partitioner.owned).toEqual([0, 1]);
  });

  test("PART-8: a member's node is removed though the store fails to do so at first", async () => {
    const { clock, join } = memoryStore();
    const { prepare, refusals } = refusing("delete", 3);
    const [{ coordinator: a }, { coordinator: b }] = [await join(prepare), await join()];
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
    expect(refusals()).toBe(3);
    expect(other.owned).toEqual([0, 1]);
  });

  test("PART-3: work does not begin on a partition that has to go already", async () => {
    const begun: boolean[] = [];
    // Told to stop at each step between the reply that makes it the owner and the work.
    for (const steps of range(24)) {
      const { clock, join } = memoryStore();
      const stop = new AbortController();
      const after = (left: number) => queueMicrotask(() => (left > 0 ? after(left - 1) : stop.abort()));
      const { coordinator } = await join((session) => {
        const enqueue = session.enqueue.bind(session);
        session.enqueue = async (...given) => {
          const ticket = await enqueue(...given);
          after(steps);
          return ticket;
        };
      });
      const work = ({ signal }: Partition) => void begun.push(signal.aborted);
      const outcome = stateOf(
        coordinator.partitioner("/p", { partitions: 1 }).run(work, { signal: stop.signal }),
      );
      await clock.advance(0);
      expect(outcome.now).toBe("ABORTED");
    }
    expect(begun).not.toContain(true);
    expect(begun.length).toBeGreaterThan(0);
    expect(begun.length).toBeLessThan(24);
  });

  test("OUT-4: a run that has ended is not kept for as long as its session lives", async () => {
    const { clock, join } = memoryStore();
    const { coordinator } = await join();
    const runOnce = async () => {
      const stop = new AbortController();
      const held = { name: "whatever work needs" };
      const work = () => void held.name;
      const running = coordinator.partitioner("/p", { partitions: 2 }).run(work, { signal: stop.signal });
      const outcome = stateOf(running);
      await clock.advance(0);
      stop.abort();
      await clock.advance(sessionTimeoutMs);
      expect(outcome.now).toBe("ABORTED");
      return new WeakRef(held);
    };
    const held = await runOnce();
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    // What was looked at in a turn is kept to its end.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(held.deref()).toBeUndefined();
  });

  test("OUT-4: run rejects at once when its signal aborts while the store does not answer", async () => {
    const { clock, join } = memoryStore();
    const { coordinator: a, faults } = await join();
    faults.blackHole();
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
    const { clock, join } = memoryStore();
    const { coordinator: a, faults } = await join();
    let begun = 0;
    const partitioner = a.partitioner("/p", { partitions: 2 });
    const work = () => {
      begun += 1;
    };
    partitioner.run(work).catch(() => {});
    await clock.advance(0);
    faults.refuse();
    await clock.advance(500);
    faults.accept();
    await clock.advance(2_000);
    expect([begun, partitioner.owned]).toEqual([2, [0, 1]]);
    await clock.advance(0);
  });
});
