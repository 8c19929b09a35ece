import assert from "node:assert/strict";
import { ConclaveError, type Leadership } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import {
  childrenAre,
  follow,
  loseSession,
  pair,
  range,
  soonMs,
  steady,
  suspended,
  text,
  three,
} from "./support.js";

export const path = "/e";

export interface Line {
  readonly holder: Leadership;
  readonly waiting: Promise<Leadership>;
  /** Path of the waiter's entry. */
  readonly entry: string;
}

/** One leads, and another stands behind. */
export async function lineOf(kit: Kit, holder: KitClient, waiter: KitClient): Promise<Line> {
  const leadership = await holder.coordinator.election(path).campaign();
  const waiting = waiter.coordinator.election(path).campaign();
  waiting.catch(() => {});
  const names = await childrenAre(kit, holder, path, 2);
  const entry = names.find((name) => `${path}/${name}` !== leadership.path);
  // The waiter has been answered too: an entry of which it does not know yet it would make again.
  await waiter.coordinator.get("/", { linearizable: true });
  return { holder: leadership, waiting, entry: `${path}/${entry}` };
}

async function aborts(kit: Kit, { signal }: Leadership): Promise<unknown> {
  await kit.until("the signal aborts", soonMs(kit), () => signal.aborted);
  return signal.reason;
}

export const electionLoss = suite("election and loss", (test) => {
  test(
    "LEAD-3",
    "the holder's signal aborts before a rival holds",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      for (const fault of ["refuse", "blackHole"] as const) {
        const [a, b] = [await kit.client(), await kit.client(steady(kit))];
        const { holder, waiting } = await lineOf(kit, a, b);
        let abortedFirst = false;
        holder.signal.addEventListener("abort", () => {
          abortedFirst = true;
        });
        await a.link[fault]();
        const next = await kit.within("the rival leads", soonMs(kit), waiting);
        assert.ok(!holder.isHeld, "still held when a rival held already");
        assert.ok(abortedFirst, "the holder was not told before");
        assert.ok(ConclaveError.is(holder.signal.reason, "SESSION_LOST"));
        await a.link.heal();
        await rejects(holder.set("/", "stale"), "SESSION_LOST", "not-applied");
        await next.resign();
        await childrenAre(kit, b, path, 0);
      }
    },
  );

  test("LEAD-3", "the signal aborts when the holder's node is deleted from outside", async (kit) => {
    const [a, b] = await pair(kit);
    const { holder, waiting } = await lineOf(kit, a, b);
    await b.coordinator.delete(holder.path);
    const reason = await aborts(kit, holder);
    assert.ok(ConclaveError.is(reason, "NOT_HELD"), String(reason));
    assert.equal(holder.isHeld, false);
    assert.equal(a.session.signal.aborted, false, "only the hold is over");
    await rejects(holder.set("/", "stale"), "NOT_HELD", "not-applied");
    const next = await kit.within("the next", soonMs(kit), waiting);
    await holder.resign();
    assert.ok(next.isHeld, "a stale resign harms nobody");
  });

  test("LEAD-3", "also when it was made again under the same name", async (kit) => {
    const [a, b] = await pair(kit);
    const leadership = await a.coordinator.election(path).campaign({ data: "same" });
    await b.coordinator.delete(leadership.path);
    await b.coordinator.create(leadership.path, "same", { ephemeral: true });
    assert.ok(ConclaveError.is(await aborts(kit, leadership), "NOT_HELD"));
    await rejects(leadership.set("/", "stale"), "NOT_HELD");
    await leadership.resign();
    assert.ok(await b.coordinator.exists(leadership.path), "what somebody else made is not ours to remove");
  });

  test("LEAD-3", "also when that happened during a disconnection", { needs: ["link"] }, async (kit) => {
    const [a, b] = await pair(kit);
    const { holder, waiting } = await lineOf(kit, a, b);
    await a.link.refuse();
    await suspended(kit, a.session);
    assert.ok(holder.isHeld, "a disconnection alone ends no leadership");
    await b.coordinator.delete(holder.path);
    await kit.within("the next", soonMs(kit), waiting);
    await a.link.heal();
    assert.ok(ConclaveError.is(await aborts(kit, holder), "NOT_HELD"));
    await rejects(holder.set("/", "stale"), "NOT_HELD");
  });

  test("LEAD-3", "a short disconnection ends no leadership", { needs: ["link"] }, async (kit) => {
    const [a, b] = await pair(kit);
    const { holder, waiting } = await lineOf(kit, a, b);
    for (const _ of range(3)) {
      await a.link.refuse();
      await suspended(kit, a.session);
      await b.link.cut();
      await a.link.heal();
      await kit.until("contact", soonMs(kit), () => a.session.state === "connected");
      await holder.set("/", "still leading");
    }
    assert.ok(holder.isHeld);
    await childrenAre(kit, b, path, 2);
    await holder.resign();
    assert.ok((await kit.within("the next", soonMs(kit), waiting)).isHeld);
  });

  test(
    "LEAD-6",
    "a lost reply to the candidate's create leaves one entry, or none, and the queue moves on",
    { needs: ["link"] },
    async (kit) => {
      const [a, b, c] = await three(kit);
      for (const round of range(6)) {
        const holder = await a.coordinator.election(path).campaign();
        await b.link.dropNextReply();
        const unsure = b.coordinator.election(path).campaign();
        const settled = unsure.then(
          (leadership) => leadership,
          (error: unknown) => error,
        );
        let entries = 2;
        // The reply is lost while it waits: either it is in line, once, or it was told so and left nothing there.
        const failure = await Promise.race([settled, kit.sleep(b.session.timeoutMs / 5)]);
        if (failure !== undefined) {
          assert.ok(ConclaveError.is(failure, "CONNECTION_LOST"), String(failure));
          entries = 1;
        }
        await childrenAre(kit, a, path, entries);
        const behind = c.coordinator.election(path).campaign();
        await childrenAre(kit, a, path, entries + 1);
        await holder.resign();
        if (entries === 2) {
          const second = await kit.within(`the one of the lost reply, round ${round}`, soonMs(kit), unsure);
          await childrenAre(kit, a, path, 2);
          await second.resign();
        }
        const third = await kit.within(`the one behind, round ${round}`, soonMs(kit), behind);
        await childrenAre(kit, a, path, 1);
        await third.resign();
      }
      await childrenAre(kit, a, path, 0);
    },
  );

  test(
    "LEAD-6",
    "a lost reply to the resignation does not block the queue",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = await pair(kit);
      for (const _ of range(4)) {
        const { holder, waiting } = await lineOf(kit, a, b);
        await a.link.dropNextReply();
        await kit.within("the resignation", soonMs(kit), holder.resign());
        const next = await kit.within("the next", soonMs(kit), waiting);
        await childrenAre(kit, b, path, 1);
        await next.resign();
      }
    },
  );

  test(
    "LEAD-7",
    "a stale resign after a loss harms nobody",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(), await kit.client(steady(kit))];
      const { holder, waiting } = await lineOf(kit, a, b);
      await loseSession(kit, a);
      const next = await kit.within("the next", soonMs(kit), waiting);
      await kit.within("a stale resign", soonMs(kit), holder.resign());
      const again = a.coordinator.election(path).campaign();
      await childrenAre(kit, b, path, 2);
      await holder.resign();
      await childrenAre(kit, b, path, 2);
      assert.ok(next.isHeld);
      await next.set("/", "held");
      await next.resign();
      const back = await kit.within("the former holder, behind", soonMs(kit), again);
      assert.ok(back.token > next.token && next.token > holder.token);
    },
  );

  test(
    "LEAD-9",
    "observers converge after losses of the leader's session and of their own",
    { needs: ["link"], timeouts: 40 },
    async (kit) => {
      const [a, b, watching] = [await kit.client(), await kit.client(steady(kit)), await kit.client()];
      const observer = follow(kit, watching.coordinator.election(path).observe());
      const shows = (leadership: Leadership | undefined) =>
        kit.until("the observer shows the leader", soonMs(kit), () => {
          return observer.values.length > 0 && observer.last?.token === leadership?.token;
        });
      await shows(undefined);
      const { holder, waiting } = await lineOf(kit, a, b);
      await shows(holder);
      await loseSession(kit, a);
      const second = await kit.within("the next", soonMs(kit), waiting);
      await shows(second);
      const losing = loseSession(kit, watching);
      await second.resign();
      const third = await a.coordinator.election(path).campaign({ data: "third" });
      await losing;
      await shows(third);
      assert.equal(text({ data: observer.last?.data } as never), "third");
      await watching.link.refuse();
      await third.resign();
      await watching.link.heal();
      await shows(undefined);
    },
  );
});
