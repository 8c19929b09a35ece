import { ConclaveError, type Coordinator, connect, type Task } from "@conclave/api";
import type { Backend, Guard } from "@conclave/api/backend";
import { type MemoryBackend, memory } from "@conclave/backend-memory";
import { describe, expect, test } from "vitest";
import { memoryStore, range, sessionTimeoutMs, stateOf } from "./support.js";

/** The requests that `action` makes, by method, without those that set watches. */
async function requestsOf({ requests }: MemoryBackend, action: () => Promise<unknown>) {
  requests.reset();
  await action();
  const methods = [
    "get",
    "children",
    "childNodes",
    "commit",
    "enqueue",
    "standing",
    "leave",
    "entries",
  ] as const;
  return Object.fromEntries(
    methods.map((method) => [method, requests.of(method)]).filter(([, count]) => count !== 0),
  );
}

describe("work queue", () => {
  test("what each call costs", async () => {
    const { join, now } = memoryStore();
    const { backend, coordinator } = await join();
    const queue = coordinator.workQueue("/q", { maxAttempts: 1 });
    const cost = (action: () => Promise<unknown>) => requestsOf(backend, () => now(action()));
    expect(await cost(() => queue.put("a"))).toEqual({ commit: 1 });
    expect(await cost(() => queue.putAll(["b", "c", "d"]))).toEqual({ commit: 1 });
    const tasks: Task[] = [];
    const take = async () => void tasks.push(await queue.take());
    // The mark; the mark's revision and the task, together; the attempt.
    expect(await cost(take)).toEqual({ commit: 2, get: 2 });
    expect(await cost(take)).toEqual({ commit: 2, get: 2 });
    expect(await cost(take)).toEqual({ commit: 2, get: 2 });
    const [first, second, third] = tasks as [Task, Task, Task];
    // The task, and behind the caller's back the mark.
    expect(await cost(() => first.acknowledge())).toEqual({ commit: 2 });
    expect(await cost(() => first.acknowledge())).toEqual({});
    expect(await cost(() => second.release())).toEqual({ commit: 2 });
    expect(await cost(() => third.reject())).toEqual({ commit: 3 });
    expect(await cost(() => queue.size())).toEqual({ children: 3 });
    expect(await cost(() => queue.deadLetters.list())).toEqual({ childNodes: 1 });
    expect(await cost(() => queue.deadLetters.requeue(third.id))).toEqual({ get: 1, commit: 1 });
  });

  test("many who take in one process watch the queue once, and nobody watches when nobody takes any more", async () => {
    const { clock, join, now } = memoryStore();
    const { backend, coordinator } = await join();
    const queue = coordinator.workQueue("/q");
    backend.requests.reset();
    const giveUp = new AbortController();
    const takes = Array.from({ length: 20 }, () => queue.take({ signal: giveUp.signal }));
    for (const taking of takes) taking.catch(() => {});
    await clock.advance(0);
    expect(backend.requests.of("watch")).toBe(2);
    giveUp.abort();
    await clock.advance(sessionTimeoutMs);
    const { notifications } = backend.requests;
    const { coordinator: other } = await join();
    await now(other.workQueue("/q").put("task"));
    expect(backend.requests.notifications).toBe(notifications);
  });

  test("idle workers do not all reach for each task", async () => {
    const { clock, join } = memoryStore();
    const workers = await Promise.all(range(30).map(() => join()));
    const producer = await join();
    for (const { backend } of workers) backend.faults.delay(2);
    const done: string[] = [];
    for (const { coordinator } of workers) void work(coordinator, done).catch(() => {});
    const queue = producer.coordinator.workQueue("/q");
    const put = async (count: number) => {
      for (let index = 0; index < count; index += 1) {
        const expected = done.length + 1;
        void queue.put("task");
        await clock.advanceUntil(() => done.length === expected);
      }
    };
    // They learn of each other.
    await put(100);
    for (const { backend } of workers) backend.requests.reset();
    await put(200);
    const commits = workers.reduce((sum, { backend }) => sum + backend.requests.of("commit"), 0);
    // A task costs its worker four commits; each claim that comes too late costs one. Without restraint they would be 29 a task.
    const tooLate = commits / 200 - 4;
    expect(tooLate).toBeLessThan(8);
  });

  test("a worker alone takes in order and without delay", async () => {
    const { join, now } = memoryStore();
    const { backend, coordinator } = await join();
    const queue = coordinator.workQueue("/q");
    const ids = await now(queue.putAll(Array.from({ length: 50 }, String)));
    const taken: string[] = [];
    for (const _ of ids) {
      const task = await now(queue.take());
      taken.push(task.id);
      await now(task.acknowledge());
    }
    expect(taken).toEqual(ids);
    // A listing for each task would make a long queue dear.
    expect(backend.requests.of("watch")).toBeLessThan(2 * ids.length);
  });

  test("QUEUE-4: an acknowledgement cut off for the rest of its session has an unknown outcome", async () => {
    const { clock, join, now } = memoryStore();
    const { backend, coordinator } = await join();
    const queue = coordinator.workQueue("/q");
    await now(queue.put("task"));
    const task = await now(queue.take());
    backend.faults.delay(10);
    let outcome: unknown;
    task.acknowledge().catch((error) => {
      outcome = ConclaveError.is(error) && [error.code, error.outcome];
    });
    // The request has arrived, its reply has not.
    await clock.advance(15);
    backend.faults.refuse();
    await clock.advance(2 * sessionTimeoutMs);
    expect(outcome).toEqual(["SESSION_LOST", "unknown"]);
  });

  test("a take that the store refuses to let look says so, and the next one looks again", async () => {
    const { clock, join, now } = memoryStore();
    let refusals = 1;
    const { coordinator } = await join((session) => {
      const watch = session.watchChildren.bind(session);
      session.watchChildren = (path, sink) => {
        if (refusals-- <= 0) return watch(path, sink);
        queueMicrotask(() => sink.failed(new ConclaveError("ACCESS_DENIED", "no")));
        return () => {};
      };
    });
    const queue = coordinator.workQueue("/q");
    await expect(now(queue.take())).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    const id = await now(queue.put("task"));
    const taking = queue.take();
    await clock.advance(sessionTimeoutMs / 2);
    expect((await now(taking)).id).toBe(id);
  });

  test("QUEUE-7: a session of which the deadline passes just as a take begins does not end the take", async () => {
    const { clock, cluster, now } = memoryStore();
    let ended = 0;
    // Of the looks at the clock that a take makes as it begins, one comes long after the one before.
    for (const late of range(8)) {
      const backend = memory({ cluster });
      let looks = Number.POSITIVE_INFINITY;
      const pausing: Backend = {
        name: backend.name,
        capabilities: backend.capabilities,
        open: (options) => backend.open(options),
        clock: {
          now: () => backend.clock.now() + (looks-- === 0 ? 10 * sessionTimeoutMs : 0),
          schedule: (delayMs, run) => backend.clock.schedule(delayMs, run),
        },
      };
      const coordinator = await now(connect(pausing, { sessionTimeoutMs }));
      const session = await now(coordinator.session());
      const queue = coordinator.workQueue(`/q-${late}`);
      looks = late;
      const taking = stateOf(queue.take());
      looks = Number.POSITIVE_INFINITY;
      if (session.signal.aborted) ended += 1;
      await clock.advance(1_000);
      await now(queue.put("task"));
      await clock.advance(1_000);
      expect([late, taking.now]).toEqual([late, "resolved"]);
      await now(coordinator.close());
    }
    expect(ended).toBeGreaterThan(1);
    expect(ended).toBeLessThan(8);
  });

  test("LEAD-7: a claim is removed under a guard that tells it from the next one, also where names come back", async () => {
    const { join, now } = memoryStore();
    const guards: (Guard | undefined)[] = [];
    const { coordinator } = await join((session) => {
      const commit = session.commit.bind(session);
      session.commit = (operations, guard) => {
        const [operation] = operations;
        if (operation?.type === "delete" && operation.path.startsWith("/q/claims/")) guards.push(guard);
        return commit(operations, guard);
      };
    });
    const queue = coordinator.workQueue("/q");
    const id = await now(queue.put("task"));
    const task = await now(queue.take());
    await now(task.release());
    expect(guards).toEqual([{ path: task.path, createRevision: task.token, witness: `/q/tasks/${id}` }]);
  });

  test("QUEUE-2: a claim that was deleted before its attempt was counted hands nothing out", async () => {
    const { clock, join, now } = memoryStore();
    const { coordinator: rival } = await join();
    let meanwhile: (() => Promise<void>) | undefined;
    const { coordinator } = await join((session) => {
      // It hears of nothing that becomes of its claims.
      session.watchNode = () => () => {};
      const commit = session.commit.bind(session);
      session.commit = async (operations, guard) => {
        const [operation] = operations;
        if (operation?.type === "set") await meanwhile?.();
        return commit(operations, guard);
      };
    });
    const id = await now(rival.workQueue("/q").put("task"));
    const tasks: Task[] = [];
    meanwhile = async () => {
      meanwhile = undefined;
      await rival.delete(`/q/claims/${id}`);
      tasks.push(await rival.workQueue("/q").take());
    };
    const taking = stateOf(coordinator.workQueue("/q").take());
    await clock.advance(sessionTimeoutMs);
    expect(tasks.map((task) => [task.attempt, task.isHeld])).toEqual([[1, true]]);
    expect(taking.now).toBe("pending");
  });

  test("QUEUE-1: a task of which the watch never showed the claim is offered again when that has gone", async () => {
    const { clock, join, now } = memoryStore();
    const { coordinator: rival } = await join();
    const { coordinator } = await join((session) => {
      const watch = session.watchChildren.bind(session);
      session.watchChildren = (path, sink) => {
        if (path !== "/q/claims") return watch(path, sink);
        const unseen = { changed: () => {}, removed: () => {}, failed: () => {} };
        return watch(path, { ...unseen, snapshot: () => sink.snapshot([]) });
      };
    });
    await now(rival.workQueue("/q").put("task"));
    const task = await now(rival.workQueue("/q").take());
    const taking = stateOf(coordinator.workQueue("/q").take());
    await clock.advance(sessionTimeoutMs);
    expect(taking.now).toBe("pending");
    await now(task.release());
    await clock.advance(sessionTimeoutMs / 10);
    expect(taking.now).toBe("resolved");
  });

  test.each(["get", "commit"] as const)(
    "LEAD-6: a claim that fails by a %s leaves nothing behind that keeps the task from others",
    async (method) => {
      const { clock, join, now } = memoryStore();
      const { coordinator: rival } = await join();
      let failures = 0;
      const unlessFirst = <T>(isIt: boolean, call: () => Promise<T>) => {
        if (!isIt || failures > 0) return call();
        failures += 1;
        return Promise.reject(new ConclaveError("STORE_ERROR", "too many requests"));
      };
      const { coordinator } = await join((session) => {
        const [get, commit] = [session.get.bind(session), session.commit.bind(session)];
        session.get = (path, options) => {
          const isOfMark = method === "get" && path.startsWith("/q/claims/");
          return unlessFirst(isOfMark, () => get(path, options));
        };
        session.commit = (operations, guard) => {
          const isCount = method === "commit" && operations[0]?.type === "set";
          return unlessFirst(isCount, () => commit(operations, guard));
        };
      });
      await now(rival.workQueue("/q").put("task"));
      await expect(now(coordinator.workQueue("/q").take())).rejects.toMatchObject({ code: "STORE_ERROR" });
      const taking = rival.workQueue("/q").take();
      await clock.advance(sessionTimeoutMs / 10);
      expect((await now(taking)).attempt).toBe(1);
    },
  );

  test("QUEUE-7: no timer is left when nobody takes", async () => {
    const { clock, join, now } = memoryStore();
    const { coordinator } = await join();
    const queue = coordinator.workQueue("/q");
    const before = clock.pending;
    await now(queue.put("task"));
    const task = await now(queue.take());
    await now(task.acknowledge());
    await clock.advance(sessionTimeoutMs);
    expect(clock.pending).toBe(before);
    await now(queue.put("another"));
    await now(queue.take());
    await now(coordinator.close());
    expect(clock.pending).toBe(0);
  });
});

async function work(coordinator: Coordinator, done: string[]): Promise<void> {
  for (;;) {
    const task = await coordinator.workQueue("/q").take();
    await task.acknowledge();
    done.push(task.id);
  }
}
