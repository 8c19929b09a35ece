import assert from "node:assert/strict";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { lineOf, path } from "./election-loss.js";
import { childrenAre, expireUnseen, over, pair, soonMs, steady, suspended, three } from "./support.js";

export const electionWaiters = suite("waiters and loss", (test) => {
  test(
    "LEAD-6",
    "a wait that is given up during a disconnection is cleared away after it",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = await pair(kit);
      const controller = new AbortController();
      const holder = await a.coordinator.election(path).campaign();
      const waiting = b.coordinator.election(path).campaign({ signal: controller.signal });
      waiting.catch(() => {});
      await childrenAre(kit, a, path, 2);
      await b.link.refuse();
      await suspended(kit, b.session);
      controller.abort();
      await kit.within(
        "the abort, though there is no contact",
        b.session.timeoutMs / 3,
        rejects(waiting, "ABORTED"),
      );
      await b.link.heal();
      await childrenAre(kit, a, path, 1);
      assert.ok(holder.isHeld);
    },
  );

  test(
    "LEAD-8",
    "a waiter whose session is lost rejects promptly and is never elected",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const [a, b, c] = [await kit.client(steady(kit)), await kit.client(), await kit.client(steady(kit))];
      const { holder, waiting } = await lineOf(kit, a, b);
      const behind = c.coordinator.election(path).campaign();
      await childrenAre(kit, a, path, 3);
      const { session } = b;
      await b.link.refuse();
      await over(kit, session);
      await kit.within("the rejection", session.timeoutMs / 3, rejects(waiting, "SESSION_LOST"));
      await holder.resign();
      await b.link.heal();
      const next = await kit.within("the one behind", soonMs(kit), behind);
      await b.coordinator.session();
      await childrenAre(kit, a, path, 1);
      assert.ok(next.isHeld);
    },
  );

  test(
    "LEAD-8",
    "a waiter that was expired while it was cut off does not believe that its turn has come",
    { needs: ["link", "expireSession"], timeouts: 30 },
    async (kit) => {
      const [a, b, c] = await three(kit);
      const { holder, waiting, entry } = await lineOf(kit, a, b);
      await expireUnseen(kit, b);
      await kit.until("its entry is gone", soonMs(kit), async () => !(await a.coordinator.exists(entry)));
      // When it is back, it finds nobody ahead.
      await holder.resign();
      const next = await c.coordinator.election(path).campaign();
      await b.link.heal();
      // The store removed the entry with the session, and either may be heard of first.
      const rejected = rejects(waiting, "SESSION_LOST");
      await kit.within("the rejection", soonMs(kit) + b.session.timeoutMs, rejected);
      assert.ok(next.isHeld);
      await childrenAre(kit, a, path, 1);
    },
  );

  test(
    "LEAD-8",
    "a waiter whose node was deleted from outside rejects, and is never elected",
    async (kit) => {
      const [a, b] = await pair(kit);
      const { holder, waiting, entry } = await lineOf(kit, a, b);
      await a.coordinator.delete(entry);
      await kit.within("the rejection", soonMs(kit), rejects(waiting, "NOT_HELD"));
      assert.ok(holder.isHeld);
      await holder.resign();
      await childrenAre(kit, a, path, 0);
      assert.ok(
        (await kit.within("a later campaign", soonMs(kit), b.coordinator.election(path).campaign())).isHeld,
      );
    },
  );

  test(
    "LEAD-8",
    "also when the one ahead left at the same time, during a disconnection",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = await pair(kit);
      const { holder, waiting, entry } = await lineOf(kit, a, b);
      await b.link.refuse();
      await suspended(kit, b.session);
      await a.coordinator.delete(entry);
      await holder.resign();
      await b.link.heal();
      await kit.within("the rejection", soonMs(kit), rejects(waiting, "NOT_HELD"));
      await childrenAre(kit, a, path, 0);
    },
  );

  test(
    "LEAD-5",
    "the departure of the one ahead during a disconnection is noticed after it",
    { needs: ["link"] },
    async (kit) => {
      const [a, b, c] = await three(kit);
      const { holder, waiting, entry } = await lineOf(kit, a, b);
      const behind = c.coordinator.election(path).campaign();
      await childrenAre(kit, a, path, 3);
      await c.link.refuse();
      await suspended(kit, c.session);
      // The one directly ahead goes, and is not the leader.
      await a.coordinator.delete(entry);
      await rejects(waiting, "NOT_HELD");
      await c.link.heal();
      await kit.until("contact", soonMs(kit), () => c.session.state === "connected");
      assert.ok(holder.isHeld);
      await childrenAre(kit, a, path, 2);
      await holder.resign();
      assert.ok((await kit.within("the one behind", soonMs(kit), behind)).isHeld);
    },
  );
});
