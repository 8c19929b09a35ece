import { deepStrictEqual, strictEqual } from "node:assert";
import { rejects } from "../expect.js";
import type { Define } from "../suite.js";
import { operations, ownersOfSession, run, subjectsOf } from "./operations.js";

export function lost(test: Define): void {
  test(
    "SES-4",
    "after a loss, every operation of the session and of what it held rejects and reaches no store",
    {
      needs: ["link"],
    },
    async (kit) => {
      const subjects = await subjectsOf(kit);
      const { session, leadership, coordinator, client } = subjects;
      await client.link.refuse();
      await kit.until("lost", 2 * session.timeoutMs, () => session.state === "lost");
      for (const operation of operations) {
        if (!ownersOfSession.includes(operation.owner)) continue;
        const running = run(operation, subjects);
        const ended = operation.harmless ? running : rejects(running, "SESSION_LOST", "not-applied");
        const result = await kit.within(operation.name, session.timeoutMs / 4, ended);
        if (operation.name === "session.states") deepStrictEqual(result, { done: false, value: "lost" });
      }
      strictEqual(leadership.isHeld, false);
      strictEqual(session.state, "lost");
      await client.link.heal();
      await kit.within("the next session", 3 * session.timeoutMs, coordinator.session());
      const node = await coordinator.get("/node", { linearizable: true });
      strictEqual(node?.version, 0, "a call of the lost session was replayed in the next");
    },
  );

  test(
    "SES-4",
    "without a session, every operation of the coordinator waits for the next one",
    {
      needs: ["link"],
      timeouts: 20,
    },
    async (kit) => {
      const subjects = await subjectsOf(kit);
      const { session, client } = subjects;
      await client.link.refuse();
      await kit.until("lost", 2 * session.timeoutMs, () => session.state === "lost");
      const waiting = operations.filter(({ owner, io }) => owner === "coordinator" && io);
      // What they come to depends on their order; that they come to an end, in the next session, does not.
      const ends = Promise.allSettled(waiting.map((operation) => run(operation, subjects)));
      let ended = false;
      void ends.then(() => {
        ended = true;
      });
      await kit.sleep(session.timeoutMs / 10);
      strictEqual(ended, false);
      await client.link.heal();
      await kit.within("the operations", 5 * session.timeoutMs, ends);
    },
  );
}
