import { deepStrictEqual } from "node:assert";
import { rejects } from "../expect.js";
import type { Define } from "../suite.js";
import { operations, ownersOfSession, type PublicOperation, run, subjectsOf } from "./operations.js";

export function closed(test: Define): void {
  test("SES-10", "after the coordinator is closed, every operation says so at once", async (kit) => {
    const subjects = await subjectsOf(kit);
    await subjects.coordinator.close();
    for (const operation of operations) await saysClosed(operation);

    async function saysClosed(operation: PublicOperation): Promise<void> {
      const running = run(operation, subjects);
      const ended = operation.harmless ? running : rejects(running, "CLOSED", "not-applied");
      const result = await kit.within(operation.name, subjects.session.timeoutMs / 4, ended);
      if (operation.name === "session.states") deepStrictEqual(result, { done: false, value: "closed" });
    }
  });

  test("SES-10", "after a session is closed, what belonged to it says so at once", async (kit) => {
    const subjects = await subjectsOf(kit);
    await subjects.session.close();
    for (const operation of operations) {
      if (!ownersOfSession.includes(operation.owner)) continue;
      if (operation.harmless) await run(operation, subjects);
      else await rejects(run(operation, subjects), "CLOSED", "not-applied");
    }
  });
}
