import assert from "node:assert/strict";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { blind, fates, mortal, unlucky } from "./hurt-clients.js";
import { dataOf, isEmpty, path, take } from "./queues.js";
import { childrenAre, range, soonMs, steady } from "./support.js";

/** As many commits as any of the scenes below takes, and some more. */
const mostCommits = 12;

/** Workers that are hurt at each step that they take, one after another. */
export const workQueueSteps = suite("work queue, step by step", (test) => {
  for (const end of ["acknowledge", "release", "reject"] as const) {
    test(
      "QUEUE-1",
      `wherever a worker dies that takes a task to ${end} it, the task is not lost`,
      { timeouts: 60 },
      async (kit) => {
        const survivor = await kit.client(steady(kit));
        const options = { maxAttempts: 1 };
        const queue = survivor.coordinator.workQueue(path, options);
        let deaths = 0;
        for (const fatal of range(mostCommits)) {
          await queue.put(`${fatal}`);
          const worker = await mortal(kit, fatal);
          let ended = false;
          const working = async () => {
            const task = await worker.coordinator.workQueue(path, options).take();
            await task[end]();
            ended = true;
          };
          await Promise.race([kit.within("the worker's end", soonMs(kit), working()), worker.dead]);
          if (worker.isDead()) deaths += 1;
          else await worker.coordinator.close();
          // The survivor gives every task one attempt more than the worker did.
          const { ready, claimed, dead } = await kit.until("the claim is gone", soonMs(kit), async () => {
            const size = await queue.size();
            return size.claimed === 0 && size;
          });
          const copies = ready + claimed + dead;
          if (end === "acknowledge") assert.ok(ended || copies === 1, `died at ${fatal}: ${copies} left`);
          else assert.ok(copies === 1 || (copies === 2 && !ended), `died at ${fatal}: ${copies} left`);
          const patient = survivor.coordinator.workQueue(path, { maxAttempts: 9 });
          for (const _ of range(ready)) {
            const task = await kit.within("the task again", soonMs(kit), patient.take());
            assert.equal(dataOf(task), `${fatal}`);
            await task.acknowledge();
          }
          for (const { id, data } of await queue.deadLetters.list()) {
            assert.equal(dataOf({ data }), `${fatal}`);
            await queue.deadLetters.remove(id);
          }
          await isEmpty(kit, survivor);
        }
        assert.ok(deaths >= 3, `the worker died ${deaths} times`);
        assert.ok(deaths < mostCommits, "there may be steps after the last that was tried");
      },
    );
  }

  test(
    "QUEUE-1",
    "wherever a requeuing process dies, the dead letter or its task is there",
    { timeouts: 60 },
    async (kit) => {
      const survivor = await kit.client(steady(kit));
      const options = { maxAttempts: 1 };
      const queue = survivor.coordinator.workQueue(path, options);
      let deaths = 0;
      for (const fatal of range(4)) {
        const id = await queue.put("task");
        await (await take(kit, survivor, options)).reject();
        // Also where the store could do it at once: one operation at a time, as where it cannot.
        const operator = await mortal(kit, fatal, { transactions: false });
        const requeuing = operator.coordinator.workQueue(path).deadLetters.requeue(id);
        await Promise.race([kit.within("the requeuing", soonMs(kit), requeuing), operator.dead]);
        if (operator.isDead()) deaths += 1;
        const { ready, dead } = await queue.size();
        assert.ok(ready + dead === 1 || (operator.isDead() && ready + dead === 2), `${ready} and ${dead}`);
        for (const _ of range(ready)) await (await take(kit, survivor)).acknowledge();
        for (const letter of await queue.deadLetters.list()) await queue.deadLetters.remove(letter.id);
      }
      assert.ok(deaths >= 1 && deaths < 4);
    },
  );

  for (const fate of fates) {
    test(
      "QUEUE-4",
      `whichever request of a worker ${fate}, it counts one attempt and acknowledges once`,
      { timeouts: 60 },
      async (kit) => {
        const observer = await kit.client(steady(kit));
        for (const lost of range(6)) {
          const coordinator = await unlucky(kit, lost, fate);
          const queue = coordinator.workQueue(path, { maxAttempts: 2 });
          await queue.put("task");
          const released = await kit.within("a task", soonMs(kit), queue.take());
          assert.equal(released.attempt, 1);
          await released.release();
          const task = await kit.within("the task again", soonMs(kit), queue.take());
          assert.equal(task.attempt, 1);
          await task.acknowledge();
          await isEmpty(kit, observer);
        }
      },
    );

    test(
      "QUEUE-4",
      `whichever request of a worker ${fate}, what it commits with its acknowledgement is done once`,
      { when: ({ transactions }) => transactions, timeouts: 60 },
      async (kit) => {
        const observer = await kit.client(steady(kit));
        await observer.coordinator.create("/paid", "");
        for (const lost of range(4)) {
          const queue = (await unlucky(kit, lost, fate)).workQueue(path);
          await queue.put("task");
          const task = await kit.within("a task", soonMs(kit), queue.take());
          await task.acknowledge({ operations: [{ type: "set", path: "/paid", data: "" }] });
          await isEmpty(kit, observer);
          const paid = await observer.coordinator.get("/paid", { linearizable: true });
          assert.equal(paid?.version, lost + 1);
        }
      },
    );

    test(
      "QUEUE-6",
      `whichever request of a worker that rejects the last attempt ${fate}, there is one dead letter`,
      { timeouts: 60 },
      async (kit) => {
        const observer = await kit.client(steady(kit));
        for (const lost of range(6)) {
          const coordinator = await unlucky(kit, lost, fate);
          const queue = coordinator.workQueue(path, { maxAttempts: 1 });
          const id = await queue.put("task");
          await (await kit.within("a task", soonMs(kit), queue.take())).reject();
          await isEmpty(kit, observer);
          await childrenAre(kit, observer, `${path}/dead`, 1);
          await observer.coordinator.workQueue(path).deadLetters.remove(id);
        }
      },
    );
  }

  for (const unguarded of [false, true]) {
    test(
      "QUEUE-3",
      unguarded
        ? "the version of the task refuses an acknowledgement that its guard let through"
        : "the store refuses who has not heard of the loss of its claim",
      async (kit) => {
        const rival = await kit.client(steady(kit));
        const coordinator = await blind(kit, { unguarded });
        await rival.coordinator.workQueue(path).put("task");
        const stale = await kit.within("a task", soonMs(kit), coordinator.workQueue(path).take());
        await rival.coordinator.delete(stale.path);
        if (!unguarded) {
          // Also while nobody else has the task.
          const early = await kit.within("a task", soonMs(kit), coordinator.workQueue(path).take());
          await rival.coordinator.delete(early.path);
          await rejects(early.acknowledge(), "NOT_HELD", "not-applied");
          await childrenAre(kit, rival, `${path}/tasks`, 1);
        }
        const task = await take(kit, rival);
        assert.ok(stale.isHeld, "it has heard");
        await rejects(stale.acknowledge(), "NOT_HELD", "not-applied");
        assert.equal(stale.isHeld, false);
        await stale.reject();
        assert.ok(task.isHeld);
        await childrenAre(kit, rival, `${path}/tasks`, 1);
        await childrenAre(kit, rival, `${path}/claims`, 1);
        await task.acknowledge();
        await isEmpty(kit, rival);
      },
    );
  }

  test("QUEUE-3", "who has not heard of the loss of its claim gives nobody else's back", async (kit) => {
    for (const end of ["release", "reject"] as const) {
      const rival = await kit.client(steady(kit));
      const coordinator = await blind(kit, { unguarded: false });
      await rival.coordinator.workQueue(path).put("task");
      const stale = await kit.within(
        "a task",
        soonMs(kit),
        coordinator.workQueue(path, { maxAttempts: 1 }).take(),
      );
      await rival.coordinator.delete(stale.path);
      const task = await take(kit, rival);
      assert.equal(task.attempt, 2);
      await stale[end]();
      assert.ok(task.isHeld);
      await childrenAre(kit, rival, `${path}/claims`, 1);
      await task.reject();
      const again = await take(kit, rival);
      assert.equal(again.attempt, 3, "the attempt of the other was taken back");
      await again.acknowledge();
      await isEmpty(kit, rival);
      assert.equal((await rival.coordinator.workQueue(path).size()).dead, 0);
    }
  });
});
