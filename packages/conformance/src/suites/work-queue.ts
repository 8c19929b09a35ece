import assert from "node:assert/strict";
import { maxDataBytes, type Task } from "@conclave/api";
import { rejects } from "../expect.js";
import type { KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { dataOf, isEmpty, path, take } from "./queues.js";
import { childrenAre, pair, range, soonMs, steady, text } from "./support.js";

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
