import assert from "node:assert/strict";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { dataOf, isEmpty, path, take } from "./queues.js";
import { childrenAre, pair, range, soonMs } from "./support.js";

export const workQueueDone = suite("tasks that are done or given up", (test) => {
  test(
    "QUEUE-4",
    "acknowledging is idempotent, and comes too late once the task was given back",
    async (kit) => {
      const [a, b] = await pair(kit);
      const queue = a.coordinator.workQueue(path);
      await queue.putAll(["first", "second"]);
      const first = await take(kit, a);
      await Promise.all([first.acknowledge(), first.acknowledge()]);
      await first.acknowledge();
      await first.release();
      await first.reject();
      const second = await take(kit, a);
      assert.equal(dataOf(second), "second");
      await second.release();
      await rejects(second.acknowledge(), "NOT_HELD", "not-applied");
      await (await take(kit, b)).acknowledge();
      await isEmpty(kit, b);
    },
  );

  test(
    "QUEUE-4",
    "an acknowledgement whose reply is lost removes the task",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = await pair(kit);
      for (const _ of range(3)) {
        await b.coordinator.workQueue(path).put("task");
        const task = await take(kit, a);
        await a.link.dropNextReply();
        await kit.within("the acknowledgement", soonMs(kit), task.acknowledge());
        await isEmpty(kit, b);
      }
    },
  );

  test("QUEUE-4", "a task that somebody removed past the queue is done", async (kit) => {
    const [a, b] = await pair(kit);
    const id = await a.coordinator.workQueue(path).put("task");
    const task = await take(kit, a);
    await b.coordinator.set(`${path}/tasks/${id}`, "changed");
    await b.coordinator.delete(`${path}/tasks/${id}`);
    await task.acknowledge();
    const again = await a.coordinator.workQueue(path).put("task");
    const changed = await take(kit, a);
    await b.coordinator.set(`${path}/tasks/${again}`, "changed");
    await changed.acknowledge();
    await isEmpty(kit, b);
  });

  test(
    "QUEUE-4",
    "what is committed with an acknowledgement is done with it or not at all",
    { when: ({ transactions }) => transactions },
    async (kit) => {
      const [a, b] = await pair(kit);
      await a.coordinator.create("/balance", "0");
      await a.coordinator.workQueue(path).put("task");
      const stale = await take(kit, a);
      const pay = (ifVersion: number) => ({
        operations: [{ type: "set", path: "/balance", data: "paid", ifVersion } as const],
      });
      const refusal = await rejects(stale.acknowledge(pay(7)), "BAD_VERSION", "not-applied");
      assert.equal(refusal.operation, 0);
      assert.ok(stale.isHeld, "a refused operation ends nothing");
      const missing = { operations: [{ type: "delete", path: "/nothing" } as const] };
      await rejects(stale.acknowledge(missing), "NO_NODE", "not-applied");
      await b.coordinator.delete(stale.path);
      await rejects(stale.acknowledge(pay(0)), "NOT_HELD", "not-applied");
      const task = await take(kit, b);
      await rejects(stale.acknowledge(pay(0)), "NOT_HELD", "not-applied");
      assert.equal((await a.coordinator.get("/balance", { linearizable: true }))?.version, 0);
      await task.acknowledge(pay(0));
      await task.acknowledge();
      await rejects(task.acknowledge(pay(1)), "NOT_HELD", "not-applied");
      assert.equal((await a.coordinator.get("/balance", { linearizable: true }))?.version, 1);
      await isEmpty(kit, a);
    },
  );

  test(
    "QUEUE-4",
    "without transactions an acknowledgement takes no operations, and says so",
    { when: ({ transactions }) => !transactions, weaker: true },
    async (kit) => {
      const [a] = await pair(kit);
      await a.coordinator.workQueue(path).put("task");
      const task = await take(kit, a);
      const operations = [{ type: "create", path: "/done" } as const];
      await rejects(task.acknowledge({ operations }), "UNSUPPORTED", "not-applied");
      assert.ok(task.isHeld);
      await task.acknowledge();
      assert.equal(await a.coordinator.exists("/done", { linearizable: true }), false);
      await isEmpty(kit, a);
    },
  );

  test("QUEUE-6", "attempts are counted, except those that were released", async (kit) => {
    const [a, b] = await pair(kit);
    await a.coordinator.workQueue(path).put("task");
    const attempts: number[] = [];
    for (const end of ["release", "reject", "release", "reject", "acknowledge"] as const) {
      const task = await take(kit, attempts.length % 2 === 0 ? a : b);
      attempts.push(task.attempt);
      await task[end]();
    }
    assert.deepEqual(attempts, [1, 1, 2, 2, 3]);
    await isEmpty(kit, a);
  });

  test(
    "QUEUE-6",
    "after its last attempt a task is a dead letter until it is requeued or removed",
    async (kit) => {
      const [a, b] = await pair(kit);
      const options = { maxAttempts: 2 };
      const queue = a.coordinator.workQueue(path, options);
      const [id = ""] = await queue.putAll(["task", "other"], { priority: 7 });
      for (const _ of range(2)) await (await take(kit, b, options)).reject();
      assert.deepEqual(await queue.size(), { ready: 1, claimed: 0, dead: 1 });
      const letters = await queue.deadLetters.list();
      assert.deepEqual(
        letters.map((letter) => ({ ...letter, data: dataOf(letter) })),
        [{ id, data: "task", attempts: 2, priority: 7 }],
      );
      const again = await b.coordinator.workQueue(path).deadLetters.requeue(id);
      assert.notEqual(again, id);
      assert.deepEqual(await queue.deadLetters.list(), []);
      await rejects(queue.deadLetters.requeue(id), "NO_NODE");
      assert.equal(dataOf(await take(kit, a, options)), "other", "it stands behind those of its priority");
      const task = await take(kit, a, options);
      assert.deepEqual([task.id, dataOf(task), task.attempt, task.priority], [again, "task", 1, 7]);
      await task.reject();
      await (await take(kit, b, options)).reject();
      await queue.deadLetters.remove(again);
      await rejects(queue.deadLetters.remove(again), "NO_NODE");
      assert.deepEqual(await queue.size(), { ready: 0, claimed: 1, dead: 0 });
    },
  );

  test(
    "QUEUE-6",
    "a worker that allows fewer attempts than there were moves the task when it claims it",
    async (kit) => {
      const [a, b] = await pair(kit);
      await a.coordinator.workQueue(path).put("task");
      for (const _ of range(3)) await (await take(kit, a)).reject();
      const strict = b.coordinator.workQueue(path, { maxAttempts: 3 });
      await rejects(strict.take({ timeoutMs: soonMs(kit) / 10 }), "TIMEOUT");
      assert.deepEqual(await strict.size(), { ready: 0, claimed: 0, dead: 1 });
      await childrenAre(kit, a, `${path}/claims`, 0);
    },
  );
});
