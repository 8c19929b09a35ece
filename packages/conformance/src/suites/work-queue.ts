import assert from "node:assert/strict";
import { maxDataBytes, type Task, type WorkQueueOptions } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { childrenAre, range, soonMs, steady, text } from "./support.js";

const path = "/q";

export function dataOf(task: Pick<Task, "data">): string {
  return new TextDecoder().decode(task.data);
}

/** The next task that a client is handed. */
export function take(kit: Kit, { coordinator }: KitClient, options: WorkQueueOptions = {}): Promise<Task> {
  return kit.within("a task", soonMs(kit), coordinator.workQueue(path, options).take());
}

/** Nothing is left of a queue: no task and no claim. */
export async function isEmpty(kit: Kit, client: KitClient): Promise<void> {
  await childrenAre(kit, client, `${path}/tasks`, 0);
  await childrenAre(kit, client, `${path}/claims`, 0);
}

function pair(kit: Kit): Promise<[KitClient, KitClient]> {
  return Promise.all([kit.client(steady(kit)), kit.client(steady(kit))]);
}

export const workQueue = suite("work queue", (test) => {
  test(
    "QUEUE-1",
    "every task is handed out, to one worker at a time, until it is acknowledged",
    async (kit) => {
      const clients = await Promise.all(range(3).map(() => kit.client(steady(kit))));
      const [producer] = clients as [KitClient];
      const held = new Set<string>();
      const done: string[] = [];
      const enough = new AbortController();
      const work = async ({ coordinator }: KitClient) => {
        for (;;) {
          const task = await coordinator.workQueue(path).take({ signal: enough.signal });
          assert.ok(!held.has(task.id), "two workers have one task");
          held.add(task.id);
          await coordinator.get("/");
          held.delete(task.id);
          // Every third is given back the first time.
          if (task.attempt === 1 && Number(dataOf(task)) % 3 === 0) await task.reject();
          else {
            await task.acknowledge();
            done.push(dataOf(task));
          }
        }
      };
      const workers = [...clients, ...clients].map(work);
      const ends = Promise.all(workers.map((worker) => rejects(worker, "ABORTED")));
      ends.catch(() => {});
      for (const index of range(12)) await producer.coordinator.workQueue(path).put(`${index}`);
      await Promise.race([ends, kit.until("all tasks are done", 3 * soonMs(kit), () => done.length >= 12)]);
      enough.abort();
      await ends;
      assert.deepEqual(
        done.map(Number).sort((a, b) => a - b),
        range(12),
      );
      await isEmpty(kit, producer);
    },
  );

  test("QUEUE-1", "a task is what was put, whatever its bytes, whoever put it", async (kit) => {
    const [a, b] = await pair(kit);
    const queue = a.coordinator.workQueue(path);
    for (const data of ["", "7\nlines\n", "é", new Uint8Array([0, 255, 10])]) {
      const id = await queue.put(data);
      const task = await take(kit, b);
      assert.equal(task.id, id);
      assert.deepEqual(Buffer.from(task.data), Buffer.from(data));
      await task.acknowledge();
    }
    await a.coordinator.create(`${path}/tasks/500-`, "by another program", { sequential: true });
    const task = await take(kit, b);
    assert.deepEqual([dataOf(task), task.attempt], ["by another program", 1]);
    await task.acknowledge();
    await isEmpty(kit, a);
  });

  test("QUEUE-1", "children of a queue that are no tasks harm nobody", async (kit) => {
    const [a, b] = await pair(kit);
    const queue = a.coordinator.workQueue(path);
    const id = await queue.put("task");
    await a.coordinator.create(`${path}/tasks/not-a-task`, "else");
    await a.coordinator.create(`${path}/tasks/500-not-sequential`, "else");
    await a.coordinator.create(`${path}/claims/500-no-task`, "else", { parents: true });
    const task = await take(kit, b);
    assert.equal(task.id, id);
    await task.acknowledge();
    await rejects(b.coordinator.workQueue(path).take({ timeoutMs: 50 }), "TIMEOUT");
    assert.ok(await a.coordinator.exists(`${path}/tasks/not-a-task`));
  });

  test(
    "QUEUE-2",
    "tokens grow from claim to claim, and a task is held until it is given back",
    async (kit) => {
      const [a, b] = await pair(kit);
      await a.coordinator.workQueue(path).put("task");
      let token = 0n;
      for (const client of [a, b, a]) {
        const task = await take(kit, client);
        assert.ok(task.isHeld && !task.signal.aborted);
        assert.ok(task.token > token);
        token = task.token;
        await rejects(b.coordinator.workQueue(path).take({ timeoutMs: 30 }), "TIMEOUT");
        await task.release();
        assert.ok(!task.isHeld && task.signal.aborted);
      }
    },
  );

  test(
    "QUEUE-2",
    "the signal aborts when the claim is deleted from outside, and the task is offered again",
    async (kit) => {
      const [a, b] = await pair(kit);
      await a.coordinator.workQueue(path).put("task");
      const task = await take(kit, a);
      await b.coordinator.delete(task.path);
      await kit.until("the signal aborts", soonMs(kit), () => task.signal.aborted);
      const next = await take(kit, b);
      assert.deepEqual([next.id, next.attempt], [task.id, 2]);
      await next.acknowledge();
    },
  );

  test("QUEUE-3", "who lost the claim removes and writes nothing, whoever has the task now", async (kit) => {
    const [a, b] = await pair(kit);
    await a.coordinator.create("/register", "0");
    await a.coordinator.workQueue(path).put("task");
    const stale = await take(kit, a);
    await stale.set("/register", "1");
    await b.coordinator.delete(stale.path);
    await rejects(stale.set("/register", "2"), "NOT_HELD", "not-applied");
    await rejects(stale.acknowledge(), "NOT_HELD", "not-applied");
    const task = await take(kit, b);
    await rejects(stale.acknowledge(), "NOT_HELD", "not-applied");
    await stale.release();
    await stale.reject();
    assert.ok(task.isHeld);
    await task.set("/register", "3");
    assert.equal(text(await a.session.get("/register", { linearizable: true })), "3");
    await task.acknowledge();
    await rejects(task.set("/register", "4"), "NOT_HELD", "not-applied");
    await isEmpty(kit, a);
  });

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

  test("QUEUE-5", "tasks come by priority, then in the order in which they were put", async (kit) => {
    const [a, b] = await pair(kit);
    const queue = a.coordinator.workQueue(path);
    for (const [data, priority] of [
      ["e", 999],
      ["c", 500],
      ["a", 0],
      ["d", undefined],
      ["b", 9],
    ] as const) {
      await queue.put(data, { priority });
    }
    const first = await take(kit, b);
    assert.deepEqual([dataOf(first), first.priority], ["a", 0]);
    await first.release();
    const taken: string[] = [];
    for (const _ of range(5)) {
      const task = await take(kit, b);
      taken.push(dataOf(task));
      await task.acknowledge();
    }
    assert.deepEqual(taken, ["a", "b", "c", "d", "e"]);
  });

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

  test("QUEUE-7", "a take that is aborted or takes too long leaves nothing behind", async (kit) => {
    const [a, b] = await pair(kit);
    const queue = a.coordinator.workQueue(path);
    await rejects(queue.take({ timeoutMs: 0 }), "TIMEOUT");
    await rejects(queue.take({ timeoutMs: 30 }), "TIMEOUT");
    const id = await queue.put("task");
    // Given up at any moment of a claim, or just before or after it.
    for (const turns of range(12)) {
      const giveUp = new AbortController();
      const taking = queue.take({ signal: giveUp.signal });
      taking.catch(() => {});
      for (const _ of range(turns)) await b.coordinator.get("/");
      giveUp.abort();
      await taking.then(
        (task) => task.release(),
        (error) => rejects(Promise.reject(error), "ABORTED"),
      );
    }
    await childrenAre(kit, b, `${path}/claims`, 0);
    const task = await take(kit, b);
    assert.deepEqual([task.id, task.attempt], [id, 1]);
  });

  test(
    "QUEUE-7",
    "takes of one process are served in their order, and one of them may give up",
    async (kit) => {
      const [a, b] = await pair(kit);
      const queue = a.coordinator.workQueue(path);
      const giveUp = new AbortController();
      const takes = [queue.take(), queue.take({ signal: giveUp.signal }), queue.take()];
      const [first, second, third] = takes as [Promise<Task>, Promise<Task>, Promise<Task>];
      giveUp.abort();
      await rejects(second, "ABORTED");
      await b.coordinator.workQueue(path).put("1");
      assert.equal(dataOf(await kit.within("the first", soonMs(kit), first)), "1");
      await b.coordinator.workQueue(path).put("2");
      assert.equal(dataOf(await kit.within("the third", soonMs(kit), third)), "2");
      assert.deepEqual(await queue.size(), { ready: 0, claimed: 2, dead: 0 });
    },
  );

  test("QUEUE-8", "many tasks are put in their order", async (kit) => {
    const [a, b] = await pair(kit);
    const queue = a.coordinator.workQueue(path);
    assert.deepEqual(await queue.putAll([]), []);
    const ids = await queue.putAll(range(70).map(String));
    assert.equal(new Set(ids).size, 70);
    assert.equal((await queue.size()).ready, 70);
    for (const index of range(5)) {
      const task = await take(kit, b);
      assert.deepEqual([task.id, dataOf(task)], [ids[index], `${index}`]);
      await task.acknowledge();
    }
  });

  test("QUEUE-8", "large tasks that are put together arrive", async (kit) => {
    const [a, b] = await pair(kit);
    const large = new Uint8Array(maxDataBytes - 10).fill(7);
    await a.coordinator.workQueue(path).putAll([large, large, "small"]);
    for (const length of [large.length, large.length, 5]) {
      const task = await take(kit, b);
      assert.equal(task.data.length, length);
      await task.acknowledge();
    }
    const tooLarge = new Uint8Array(maxDataBytes - 9);
    await rejects(a.coordinator.workQueue(path).put(tooLarge), "DATA_TOO_LARGE");
    await isEmpty(kit, b);
  });

  test("QUEUE-8", "a put whose reply is lost makes exactly one task", { needs: ["link"] }, async (kit) => {
    const [a, b] = await pair(kit);
    const queue = a.coordinator.workQueue(path);
    await queue.put("there");
    await a.link.dropNextReply();
    const id = await kit.within("the put", soonMs(kit), queue.put("lost reply"));
    await a.link.dropNextReply();
    await kit.within("the puts", soonMs(kit), queue.putAll(["1", "2"]));
    const names = await childrenAre(kit, b, `${path}/tasks`, 4);
    assert.ok(names.includes(id));
  });

  test(
    "OUT-3",
    "a task whose claim was not answered is handed out once",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = await pair(kit);
      await b.coordinator.workQueue(path).put("task");
      const waiting = a.coordinator.workQueue(path).take();
      const first = await kit.within("the task", soonMs(kit), waiting);
      await first.release();
      for (const _ of range(3)) {
        await a.link.dropNextReply();
        const task = await take(kit, a);
        assert.ok(task.isHeld);
        assert.equal(task.attempt, 1);
        await childrenAre(kit, b, `${path}/claims`, 1);
        await a.link.dropNextReply();
        await kit.within("the release", soonMs(kit), task.release());
        await childrenAre(kit, b, `${path}/claims`, 0);
      }
    },
  );

  test("OUT-1", "queues refuse what cannot be meant", async (kit) => {
    const [{ coordinator }] = await pair(kit);
    const queue = coordinator.workQueue(path);
    for (const priority of [-1, 1_000, 0.5, Number.NaN, "1", null] as number[]) {
      await rejects(queue.put("task", { priority }), "INVALID_ARGUMENT");
      await rejects(queue.putAll(["task"], { priority }), "INVALID_ARGUMENT");
      await rejects(queue.deadLetters.requeue("500-x", { priority }), "INVALID_ARGUMENT");
    }
    for (const list of ["task", undefined, null, 7] as never[]) {
      await rejects(queue.putAll(list), "INVALID_ARGUMENT");
    }
    for (const id of ["", "a/b", "..", undefined] as string[]) {
      await rejects(queue.deadLetters.requeue(id), "INVALID_PATH");
      await rejects(queue.deadLetters.remove(id), "INVALID_PATH");
    }
    const made = async (options: unknown, at = path) => coordinator.workQueue(at, options as object);
    for (const maxAttempts of [0, -1, 0.5, Number.NaN, "1", null, Number.POSITIVE_INFINITY]) {
      await rejects(made({ maxAttempts }), "INVALID_ARGUMENT");
    }
    for (const options of [null, 7, { maxattempts: 1 }]) await rejects(made(options), "INVALID_ARGUMENT");
    await rejects(made({}, `/${"x".repeat(950)}`), "INVALID_PATH");
    assert.equal(await coordinator.exists(path), false);
    await queue.put("task");
    const task = await queue.take();
    const many = range(32).map((index) => ({ type: "create", path: `/${index}` }));
    for (const operations of [null, 7, [], many, [{ type: "move", path: "/a" }]] as never[]) {
      await rejects(task.acknowledge({ operations }), "INVALID_ARGUMENT");
    }
    await rejects(task.acknowledge({ operation: [] } as object), "INVALID_ARGUMENT");
    assert.ok(task.isHeld);
  });
});
