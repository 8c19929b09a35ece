import assert from "node:assert/strict";
import type { Leadership } from "@conclave/api";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { childrenAre, loseSession, soonMs, steady } from "./support.js";

const path = "/e";

/** Resolves when a leadership is over. */
function ending({ signal }: Leadership): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

export const lead = suite("election.lead", (test) => {
  test(
    "LEAD-7",
    "the leadership is given up when the work is done, or fails, and the result is the work's",
    async (kit) => {
      const { coordinator } = await kit.client(steady(kit));
      const election = coordinator.election(path);
      let last: Leadership | undefined;
      const result = await election.lead(async (leadership) => {
        last = leadership;
        assert.ok(leadership.isHeld);
        assert.equal((await election.leader())?.token, leadership.token);
        return "done";
      });
      assert.equal(result, "done");
      assert.equal(last?.isHeld, false);
      assert.equal(last?.signal.aborted, true);
      assert.equal(await election.leader(), undefined);
      const failure = new Error("the work failed");
      const failing = election.lead(() => {
        throw failure;
      });
      await assert.rejects(failing, (error) => error === failure);
      assert.equal(await election.leader(), undefined);
      assert.deepEqual(await coordinator.children(path), []);
    },
  );

  test("LEAD-6", "its signal ends it: while it waits, and while it works", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    const [first, second] = [new AbortController(), new AbortController()];
    let working: Leadership | undefined;
    let tidied = false;
    const leading = a.coordinator.election(path).lead(
      async (leadership) => {
        working = leadership;
        await ending(leadership);
        assert.equal((await a.coordinator.children(path)).length, 1, "given up only when the work has ended");
        tidied = true;
      },
      { signal: first.signal },
    );
    await kit.until("the first works", soonMs(kit), () => working);
    const waiting = b.coordinator
      .election(path)
      .lead(() => assert.fail("it was given up"), { signal: second.signal });
    waiting.catch(() => {});
    await childrenAre(kit, a, path, 2);
    second.abort();
    await kit.within("the end of the wait", soonMs(kit), rejects(waiting, "ABORTED"));
    await childrenAre(kit, a, path, 1);
    first.abort();
    await kit.within("the end of the work", soonMs(kit), rejects(leading, "ABORTED"));
    assert.ok(tidied);
    await childrenAre(kit, a, path, 0);
  });

  test("LEAD-6", "closing the coordinator ends it, waiting or working", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    let working: Leadership | undefined;
    const leading = a.coordinator.election(path).lead(async (leadership) => {
      working = leadership;
      await ending(leadership);
    });
    leading.catch(() => {});
    await kit.until("the first works", soonMs(kit), () => working);
    const waiting = b.coordinator.election(path).lead(() => {});
    waiting.catch(() => {});
    await childrenAre(kit, a, path, 2);
    await b.coordinator.close();
    await kit.within("the end of the wait", soonMs(kit), rejects(waiting, "CLOSED"));
    await a.coordinator.close();
    await kit.within("the end of the work", soonMs(kit), rejects(leading, "CLOSED"));
  });

  test(
    "LEAD-10",
    "after a loss it stands again, in the next session, behind the others",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const recovering = await kit.client();
      const others = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      const order: string[] = [];
      const tokens: bigint[] = [];
      let finish: (() => void) | undefined;
      const work = (name: string) => async (leadership: Leadership) => {
        order.push(name);
        tokens.push(leadership.token);
        await Promise.race([
          ending(leadership),
          new Promise<void>((resolve) => {
            finish = resolve;
          }),
        ]);
        // Its own errors are no reason to give up when they come of the loss.
        leadership.signal.throwIfAborted();
      };
      const leading = [recovering.coordinator.election(path).lead(work("first"))];
      await kit.until("the first leads", soonMs(kit), () => order.length === 1);
      for (const [index, client] of others.entries()) {
        leading.push(client.coordinator.election(path).lead(work(`other ${index}`)));
        await childrenAre(kit, client, path, index + 2);
      }
      await loseSession(kit, recovering);
      await kit.until("the second leads", soonMs(kit), () => order.length === 2);
      await childrenAre(kit, others[0] ?? recovering, path, 3);
      for (const turn of [3, 4]) {
        finish?.();
        await kit.until(`turn ${turn}`, soonMs(kit), () => order.length === turn);
      }
      finish?.();
      await kit.within("the end", soonMs(kit), Promise.all(leading));
      assert.deepEqual(order, ["first", "other 0", "other 1", "first"]);
      assert.deepEqual(
        tokens,
        [...tokens].sort((a, b) => Number(a - b)),
      );
      assert.equal(new Set(tokens).size, 4);
    },
  );

  test(
    "LEAD-10",
    "it stands again when its node was deleted from outside, working or waiting",
    async (kit) => {
      const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      const order: string[] = [];
      const held: Leadership[] = [];
      let finish = () => {};
      const work = (name: string) => async (leadership: Leadership) => {
        order.push(name);
        held.push(leadership);
        const finished = new Promise<void>((resolve) => {
          finish = resolve;
        });
        await Promise.race([ending(leadership), finished]);
      };
      const first = a.coordinator.election(path).lead(work("a"));
      await kit.until("the first leads", soonMs(kit), () => held.length === 1);
      const second = b.coordinator.election(path).lead(work("b"));
      const names = await childrenAre(kit, a, path, 2);
      const waiter = names.find((name) => `${path}/${name}` !== held[0]?.path);
      await b.coordinator.delete(`${path}/${waiter}`);
      await kit.until("the waiter stands again", soonMs(kit), async () => {
        const now = await a.coordinator.children(path, { linearizable: true });
        return now.length === 2 && !now.some(({ name }) => name === waiter);
      });
      await b.coordinator.delete(held[0]?.path ?? "");
      await kit.until("the other leads", soonMs(kit), () => held.length === 2);
      assert.equal(held[0]?.isHeld, false);
      await childrenAre(kit, a, path, 2);
      finish();
      await kit.until("the first leads again", soonMs(kit), () => held.length === 3);
      finish();
      await kit.within("the end", soonMs(kit), Promise.all([first, second]));
      assert.deepEqual(order, ["a", "b", "a"]);
    },
  );
});
