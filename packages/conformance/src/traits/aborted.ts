import { deepStrictEqual } from "node:assert";
import { getEventListeners } from "node:events";
import { rejects } from "../expect.js";
import type { Define } from "../suite.js";
import { operations, type PublicOperation, run, type Subjects, subjectsOf } from "./operations/index.js";

const withSignal = operations.filter(({ takesOptions }) => takesOptions);

export function aborted(test: Define): void {
  test("OUT-4", "with a signal that has aborted, no operation begins", { needs: ["link"] }, async (kit) => {
    const subjects = await subjectsOf(kit);
    const signal = AbortSignal.abort();
    // Whatever begins anyway gets no answer.
    await subjects.client.link.blackHole();
    const ends = withSignal.map((operation) => endsByAbort(operation, subjects, signal));
    await kit.within("the rejections", subjects.session.timeoutMs / 4, Promise.all(ends));
    await subjects.client.link.heal();
    const node = await subjects.coordinator.get("/node", { linearizable: true });
    deepStrictEqual(node?.version, 0);
  });

  test(
    "OUT-4",
    "a signal ends every operation that is under way, at once, and no listener stays on it",
    {
      needs: ["link"],
    },
    async (kit) => {
      const subjects = await subjectsOf(kit);
      const { session, client } = subjects;
      const giveUp = new AbortController();
      await client.link.blackHole();
      const ends = withSignal
        .filter(({ io }) => io)
        .map((operation) => endsByAbort(operation, subjects, giveUp.signal));
      await kit.sleep(session.timeoutMs / 20);
      giveUp.abort();
      await kit.within("the rejections", session.timeoutMs / 4, Promise.all(ends));
      deepStrictEqual(getEventListeners(giveUp.signal, "abort"), []);
    },
  );
}

async function endsByAbort(
  operation: PublicOperation,
  subjects: Subjects,
  signal: AbortSignal,
): Promise<void> {
  const running = run(operation, subjects, { options: { signal } });
  try {
    if (operation.iterates) deepStrictEqual(await running, { done: true, value: undefined });
    else await rejects(running, "ABORTED");
  } catch (error) {
    throw new Error(operation.name, { cause: error });
  }
}
