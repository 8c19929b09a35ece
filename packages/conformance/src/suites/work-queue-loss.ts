import assert from "node:assert/strict";
import { ConclaveError } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { isEmpty, path, take } from "./queues.js";
import { childrenAre, expireUnseen, loseSession, randomFrom, range, soonMs, steady } from "./support.js";

/** A worker that loses its session, and another that does not. */
async function workerAndRival(kit: Kit): Promise<[KitClient, KitClient]> {
  return [await kit.client(), await kit.client(steady(kit))];
}

/** The session ends at the store now, as if the process had died. */
async function die({ coordinator }: KitClient): Promise<void> {
  await (await coordinator.session()).close();
}

export const workQueueLoss = suite("work queue, session loss", (test) => {
  test(
    "QUEUE-1",
    "whatever becomes of the workers, every task is acknowledged once in the end",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const count = 24;
      const producer = await kit.client(steady(kit));
      const ids = await producer.coordinator.workQueue(path).putAll(range(count).map(String));
      const acknowledged: string[] = [];
      const enough = new AbortController();
      const work = async (client: KitClient, random: () => number) => {
        for (;;) {
          const task = await client.coordinator.workQueue(path).take({ signal: enough.signal });
          const what = random();
          try {
            if (what < 0.15) await die(client);
            else if (what < 0.3) await client.link.cut();
            else if (what < 0.4) await task.release();
            else if (what < 0.5) await task.reject();
            if (!task.isHeld) continue;
            await task.acknowledge();
            acknowledged.push(task.id);
          } catch (error) {
            // Of a loss at the wrong moment nobody can say whether it was done; then it must have been, or come again.
            if (!ConclaveError.is(error)) throw error;
            if (error.outcome === "unknown") acknowledged.push(`${task.id}?`);
          }
        }
      };
      const workers = await Promise.all(range(3).map(() => kit.client()));
      const ends = workers.map((client, index) => rejects(work(client, randomFrom(index + 1)), "ABORTED"));
      const ended = Promise.all(ends);
      ended.catch(() => {});
      const empty = kit.until("no task is left", 3 * soonMs(kit), async () => {
        const { ready, claimed } = await producer.coordinator.workQueue(path).size();
        return ready + claimed === 0;
      });
      await Promise.race([empty, ended]);
      enough.abort();
      await ended;
      const certain = acknowledged.filter((id) => !id.endsWith("?"));
      assert.equal(new Set(certain).size, certain.length, "one was acknowledged twice");
      const missing = ids.filter((id) => !certain.includes(id) && !acknowledged.includes(`${id}?`));
      assert.deepEqual(missing, [], "one was lost");
      await isEmpty(kit, producer);
    },
  );

  test(
    "QUEUE-1",
    "a task of a process that is killed is offered again",
    { needs: ["process"], timeouts: 20 },
    async (kit) => {
      const rival = await kit.client(steady(kit));
      const id = await rival.coordinator.workQueue(path).put("task");
      const process = await kit.process();
      const { token } = await process.run({ type: "hold", kind: "task", path });
      await process.kill();
      const task = await take(kit, rival);
      assert.deepEqual([task.id, task.attempt], [id, 2]);
      assert.ok(task.token > BigInt(token ?? "0"));
      await task.acknowledge();
      await isEmpty(kit, rival);
    },
  );

  test(
    "QUEUE-3",
    "a process that slept past its session acknowledges nothing",
    { needs: ["process"], timeouts: 20 },
    async (kit) => {
      const rival = await kit.client(steady(kit));
      const id = await rival.coordinator.workQueue(path).put("task");
      const process = await kit.process();
      assert.equal((await process.run({ type: "hold", kind: "task", path })).error, undefined);
      await process.pause();
      const task = await take(kit, rival);
      assert.equal(task.id, id);
      await process.resume();
      const reply = await process.run({ type: "acknowledge" });
      assert.equal(reply.error, "SESSION_LOST");
      assert.ok(task.isHeld);
      await childrenAre(kit, rival, `${path}/tasks`, 1);
      await task.acknowledge();
      await isEmpty(kit, rival);
    },
  );

  test(
    "QUEUE-2",
    "the worker learns of its loss before anybody else has the task",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [worker, rival] = await workerAndRival(kit);
      await rival.coordinator.workQueue(path).put("task");
      const task = await take(kit, worker);
      const waiting = rival.coordinator.workQueue(path).take();
      await worker.link.refuse();
      const next = await kit.within("the rival has it", soonMs(kit), waiting);
      assert.ok(!task.isHeld && task.signal.aborted);
      assert.ok(ConclaveError.is(task.signal.reason, "SESSION_LOST"));
      assert.ok(next.token > task.token);
      assert.equal(next.attempt, 2);
      await rejects(task.acknowledge(), "SESSION_LOST", "not-applied");
      await worker.link.heal();
      await task.release();
      await task.reject();
      assert.ok(next.isHeld);
      await next.acknowledge();
      await isEmpty(kit, rival);
    },
  );

  test(
    "QUEUE-3",
    "whose session the store ended meanwhile acknowledges nothing",
    { needs: ["link", "expireSession"], timeouts: 20 },
    async (kit) => {
      const [worker, rival] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      await rival.coordinator.create("/register", "0");
      await rival.coordinator.workQueue(path).put("task");
      const task = await take(kit, worker);
      await expireUnseen(kit, worker);
      const next = await take(kit, rival);
      // Under way while contact returns: the session, dead at the store, must not do it.
      const stale = [task.acknowledge(), task.set("/register", "1")];
      const refusals = stale.map((call) => rejects(call, ["SESSION_LOST", "NOT_HELD"]));
      for (const refusal of refusals) refusal.catch(() => {});
      await worker.link.heal();
      await kit.within("the refusals", soonMs(kit), Promise.all(refusals));
      assert.ok(next.isHeld && task.signal.aborted);
      await childrenAre(kit, rival, `${path}/tasks`, 1);
      assert.equal((await rival.coordinator.get("/register", { linearizable: true }))?.version, 0);
      await next.acknowledge();
    },
  );

  test("QUEUE-6", "attempts of workers that died count, until the task is a dead letter", async (kit) => {
    const options = { maxAttempts: 3 };
    const [a, b] = await Promise.all([kit.client(steady(kit)), kit.client(steady(kit))]);
    const id = await a.coordinator.workQueue(path).put("task");
    for (const [index, client] of [a, b, a].entries()) {
      const task = await take(kit, client, options);
      assert.equal(task.attempt, index + 1);
      await die(client);
      assert.equal(task.isHeld, false);
    }
    const taking = b.coordinator.workQueue(path, options).take();
    taking.catch(() => {});
    await childrenAre(kit, a, `${path}/dead`, 1);
    await childrenAre(kit, a, `${path}/tasks`, 0);
    const next = await a.coordinator.workQueue(path).put("next");
    assert.equal((await kit.within("the next task", soonMs(kit), taking)).id, next);
    assert.equal((await b.coordinator.workQueue(path).deadLetters.list())[0]?.id, id);
  });

  test(
    "QUEUE-7",
    "a take that waits through the loss of its session is served in the next",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [worker, producer] = await workerAndRival(kit);
      const taking = worker.coordinator.workQueue(path).take();
      taking.catch(() => {});
      await loseSession(kit, worker);
      const id = await producer.coordinator.workQueue(path).put("task");
      const task = await kit.within("the task", soonMs(kit), taking);
      assert.ok(task.isHeld);
      assert.deepEqual([task.id, task.attempt], [id, 1]);
      await task.acknowledge();
      await isEmpty(kit, producer);
    },
  );

  test("QUEUE-7", "a take that waits when the coordinator is closed says so", async (kit) => {
    const client = await kit.client();
    const taking = client.coordinator.workQueue(path).take();
    const refusal = rejects(taking, "CLOSED");
    await client.coordinator.close();
    await refusal;
  });
});
