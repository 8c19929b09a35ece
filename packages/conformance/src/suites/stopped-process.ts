import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { text } from "../expect.js";
import { acquireHold, holdKinds } from "../process/holds.js";
import { suite } from "../suite.js";
import { holdingProcess } from "./holder.js";

/** A process that was stopped, or blocked, for a while: what it may still do when it goes on. */
export const stoppedProcess = suite("stopped processes", (test) => {
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
});
