import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert";
import { ConclaveError } from "@conclave/api";
import { rejects, text } from "../expect.js";
import { acquireHold, holdKinds } from "../process/holds.js";
import { recordStates } from "../record.js";
import { suite } from "../suite.js";
import { bareSession, refusesEverything } from "./bare-session.js";
import { allGone, holderKnewFirst, holdingProcess, sceneOf, standing } from "./holder.js";
import { callsDuring, markWhenGone, nothingLate, writeUntilRefused } from "./late-writes.js";

const partitions = ["refuse", "blackHole"] as const;

/** Lost once, at the end, and in doubt before. */
function endsLost(states: readonly string[]): void {
  deepStrictEqual(states.slice(-2), ["suspended", "lost"]);
  strictEqual(states.indexOf("lost"), states.length - 1);
}

/** Session loss in every form: what the holder sees and when, what others see and when, and what a late write does. */
export const sessionLoss = suite("session loss", (test) => {
  for (const fault of partitions) {
    test(
      "SES-3",
      `after a ${fault} longer than the timeout, the holder knows before anybody else`,
      {
        needs: ["link"],
      },
      async (kit) => {
        const scene = await sceneOf(kit);
        await scene.holder.link[fault]();
        await allGone(kit, scene);
        strictEqual(scene.holder.session.state, "lost");
        await holderKnewFirst(kit, scene);
        endsLost(scene.states);
      },
    );

    test(
      "SES-4",
      `after a ${fault}, the lost session stays lost and the coordinator goes on in another`,
      {
        needs: ["link"],
      },
      async (kit) => {
        const scene = await sceneOf(kit);
        const { coordinator, session, link } = scene.holder;
        await link[fault]();
        await kit.until("the session lost", 2 * session.timeoutMs, () => session.state === "lost");
        await link.heal();
        const next = await kit.within("the next session", 3 * session.timeoutMs, coordinator.session());
        notStrictEqual(next.id, session.id);
        // Whatever the network held back has arrived by now.
        await kit.sleep(session.timeoutMs);
        strictEqual(session.state, "lost");
        endsLost(scene.states);
        await rejects(session.get("/"), "SESSION_LOST", "not-applied");
        await next.create("/held-again", "", { ephemeral: true });
        await allGone(kit, scene);
      },
    );
  }

  test(
    "SES-4",
    "calls that wait without contact reject on loss and are never replayed",
    {
      needs: ["link"],
    },
    async (kit) => {
      const { scene, late } = await callsDuring(kit, "refuse");
      const { coordinator, session, link } = scene.holder;
      await kit.until("the session lost", 2 * session.timeoutMs, () => session.state === "lost");
      await kit.within("the calls", session.timeoutMs, late);
      await link.heal();
      await kit.within("the next session", 3 * session.timeoutMs, coordinator.session());
      await allGone(kit, scene);
      await nothingLate(scene);
    },
  );

  test(
    "SES-3",
    "the time of a session counts from when a renewal was sent, not from its answer",
    {
      needs: ["link"],
    },
    async (kit) => {
      const shares = [0, 1 / 12, 2 / 12, 3 / 12];
      const scenes = await Promise.all(shares.map((_, index) => sceneOf(kit, `/scene-${index}`)));
      await Promise.all(
        scenes.map(async (scene, index) => {
          const { session, link } = scene.holder;
          const { timeoutMs } = session;
          // Of these clients, whose renewals come at different times, some wait almost a third of the timeout for an answer.
          await kit.sleep(timeoutMs * (shares[index] ?? 0));
          await link.blackHole("replies");
          await kit.sleep(timeoutMs * 0.3);
          await link.heal();
          await link.refuse();
          await holderKnewFirst(kit, scene);
        }),
      );
    },
  );

  test(
    "SES-3",
    "suspended comes as soon as contact is in doubt, and lost no later than the effective timeout",
    {
      needs: ["link"],
    },
    async (kit) => {
      const { session, link } = await kit.client();
      const { timeoutMs } = session;
      await link.blackHole();
      const startMs = kit.clock.now();
      await kit.until("suspended", timeoutMs, () => session.state === "suspended");
      const suspendedMs = kit.clock.now() - startMs;
      ok(suspendedMs < timeoutMs * 0.9, `suspended only after ${suspendedMs} of ${timeoutMs} ms`);
      await kit.until("lost", timeoutMs - suspendedMs, () => session.state === "lost");
    },
  );

  test(
    "SES-3",
    "a process that was stopped past its timeout rejects at its first call, before any timer",
    {
      needs: ["process"],
    },
    async (kit) => {
      const observer = await kit.client();
      const { process, gone } = await holdingProcess(kit, observer);
      await process.pause();
      await gone();
      await process.resume();
      const reply = await process.run({ type: "set", path: "/target", data: "late" });
      deepStrictEqual([reply.error, reply.outcome, reply.state], ["SESSION_LOST", "not-applied", "lost"]);
      await kit.sleep(observer.session.timeoutMs / 2);
      const node = await observer.coordinator.get("/target", { linearizable: true });
      deepStrictEqual([text(node?.data), node?.version], ["early", 0]);
    },
  );

  test(
    "SES-3",
    "a process whose event loop was blocked past its timeout is lost when it goes on",
    {
      needs: ["process"],
    },
    async (kit) => {
      const observer = await kit.client();
      const { process, gone } = await holdingProcess(kit, observer);
      const ms = 2 * (observer.session.timeoutMs + kit.target.expiryBoundMs);
      const blocked = process.run({ type: "block", ms });
      await gone();
      await blocked;
      const reply = await process.run({ type: "set", path: "/target", data: "late" });
      deepStrictEqual([reply.error, reply.state], ["SESSION_LOST", "lost"]);
      const node = await observer.coordinator.get("/target", { linearizable: true });
      deepStrictEqual([text(node?.data), node?.version], ["early", 0]);
    },
  );

  test(
    "SES-7",
    "a process that was stopped for less than its timeout goes on in its session",
    {
      needs: ["process"],
    },
    async (kit) => {
      const observer = await kit.client();
      const { process } = await holdingProcess(kit, observer);
      const { sessionId } = await process.run({ type: "state" });
      await process.pause();
      await kit.sleep(observer.session.timeoutMs / 4);
      await process.resume();
      await kit.sleep(observer.session.timeoutMs / 2);
      const reply = await process.run({ type: "set", path: "/target", data: "on" });
      deepStrictEqual([reply.error, reply.sessionId], [undefined, sessionId]);
      ok(await observer.coordinator.exists("/held", { linearizable: true }), "its ephemeral node is gone");
    },
  );

  for (const kind of holdKinds) {
    test(
      "LEAD-4",
      `${kind}: who was stopped past its timeout writes nothing when it goes on`,
      {
        needs: ["process"],
      },
      async (kit) => {
        const observer = await kit.client();
        const { process, gone } = await holdingProcess(kit, observer);
        const old = await process.run({ type: "hold", kind, path: "/line" });
        strictEqual(old.error, undefined);
        await process.run({ type: "guardedSet", path: "/target", data: "first" });
        await process.pause();
        await gone();
        const limitMs = observer.session.timeoutMs + kit.target.expiryBoundMs;
        const taking = acquireHold(observer.coordinator, kind, "/line");
        const next = await kit.within("the next holds", 2 * limitMs, taking);
        ok(next.token > BigInt(old.token ?? 0), `token ${next.token} after ${old.token}`);
        await next.set("/target", "next");
        await process.resume();
        const reply = await process.run({ type: "guardedSet", path: "/target", data: "late" });
        ok(["SESSION_LOST", "NOT_HELD"].includes(reply.error ?? ""), `got ${reply.error}`);
        strictEqual(reply.outcome, "not-applied");
        await kit.sleep(observer.session.timeoutMs / 2);
        const target = await observer.coordinator.get("/target", { linearizable: true });
        strictEqual(text(target?.data), "next");
        ok(next.isHeld, "the next lost it");
      },
    );
  }

  for (const fault of partitions) {
    test(
      "SES-5",
      `a write that a ${fault} held back until after the session's end changes nothing`,
      {
        needs: ["link"],
      },
      async (kit) => {
        const { scene, late } = await callsDuring(kit, fault);
        await allGone(kit, scene);
        await scene.holder.link.heal();
        await late;
        await kit.sleep(scene.holder.session.timeoutMs / 2);
        await nothingLate(scene);
      },
    );
  }

  test(
    "SES-5",
    "the store itself refuses every write of a session that it has ended",
    {
      needs: ["expireSession"],
    },
    async (kit) => {
      const observer = await kit.client();
      const bare = await bareSession(kit, observer);
      await kit.target.expireSession?.({ id: bare.session.id, client: bare.client });
      await refusesEverything(kit, bare, observer);
    },
  );

  test(
    "SES-5",
    "the store itself refuses every write of a session that timed out",
    { needs: ["link"] },
    async (kit) => {
      const observer = await kit.client();
      const bare = await bareSession(kit, observer);
      await bare.client.link?.refuse();
      const limitMs = bare.session.timeoutMs + kit.target.expiryBoundMs;
      await kit.until("the session's end", limitMs, async () => {
        return !(await observer.coordinator.exists("/bare", { linearizable: true }));
      });
      await bare.client.link?.heal();
      await refusesEverything(kit, bare, observer);
    },
  );

  test(
    "SES-5",
    "of writes that race with the session's end, none takes effect after its ephemeral nodes are gone",
    {
      needs: ["expireSession"],
    },
    async (kit) => {
      const scene = await sceneOf(kit);
      const { observer, holder } = scene;
      await observer.coordinator.create("/target", "0");
      const writing = writeUntilRefused(kit, holder);
      await kit.sleep(holder.session.timeoutMs / 20);
      const expired = kit.expire(holder);
      const marker = await kit.within("the nodes gone", 2 * holder.session.timeoutMs, markWhenGone(observer));
      await expired;
      await kit.within("the end of the writing", 2 * holder.session.timeoutMs, writing);
      const target = await observer.coordinator.get("/target", { linearizable: true });
      ok(
        (target?.modRevision ?? 0n) < marker,
        `written at ${target?.modRevision}, after the end before ${marker}`,
      );
    },
  );

  for (const fault of partitions) {
    test(
      "SES-6",
      `after a ${fault} all ephemeral nodes vanish within the stated bound, for all to see`,
      {
        needs: ["link"],
      },
      async (kit) => {
        const scene = await sceneOf(kit);
        const second = await kit.client();
        await scene.holder.link[fault]();
        await allGone(kit, scene);
        deepStrictEqual(await standing({ ...scene, observer: second }), []);
        const { timeoutMs } = second.session;
        await kit.until("the watches told it", timeoutMs, () => scene.goneAtMs() !== undefined);
        ok(await second.coordinator.exists("/deep/er"), "a persistent node went too");
      },
    );
  }

  test(
    "SES-6",
    "the ephemeral nodes of a process that was killed vanish within the stated bound",
    {
      needs: ["process"],
    },
    async (kit) => {
      const observer = await kit.client();
      const { process, gone } = await holdingProcess(kit, observer);
      await process.kill();
      await gone();
      ok(await observer.coordinator.exists("/target"), "a persistent node went too");
    },
  );

  test(
    "SES-6",
    "a session that the store ends by force is lost, and its ephemeral nodes are gone",
    {
      needs: ["expireSession"],
    },
    async (kit) => {
      const scene = await sceneOf(kit);
      const { coordinator, session } = scene.holder;
      await kit.expire(scene.holder);
      await kit.until("the session lost", 2 * session.timeoutMs, () => session.state === "lost");
      await allGone(kit, scene);
      const next = await kit.within("the next session", 3 * session.timeoutMs, coordinator.session());
      notStrictEqual(next.id, session.id);
    },
  );

  test(
    "SES-9",
    "loss is told exactly once, as a state, as an event and as a reason",
    {
      needs: ["expireSession"],
    },
    async (kit) => {
      const holder = await kit.client();
      const { session } = holder;
      const states = recordStates(session);
      let aborts = 0;
      const onSignal = () => {
        aborts += 1;
      };
      session.signal.addEventListener("abort", onSignal);
      await kit.until("connected", session.timeoutMs, () => states.length === 1);
      await kit.expire(holder);
      await kit.until("lost", 2 * session.timeoutMs, () => states.at(-1) === "lost");
      await kit.sleep(session.timeoutMs);
      strictEqual(aborts, 1);
      deepStrictEqual(
        states.filter((state) => state !== "suspended"),
        ["connected", "lost"],
      );
      ok(ConclaveError.is(session.signal.reason, "SESSION_LOST"), String(session.signal.reason));
      await session.close();
      strictEqual(session.state, "lost");
      ok(ConclaveError.is(session.signal.reason, "SESSION_LOST"), "closing a lost session changed its end");
    },
  );
});
