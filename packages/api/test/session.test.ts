import type { SessionState } from "@conclave/api";
import { describe, expect, test } from "vitest";
import { memoryStore, sessionTimeoutMs } from "./support.js";

/** Between the deadline here, which keeps a margin, and the store's. */
const pastDeadlineMs = 2_900;

async function setup() {
  const store = memoryStore();
  const client = await store.join();
  return { ...store, ...client, session: await client.coordinator.session() };
}

describe("session", () => {
  test("SES-3: after a pause past the deadline its signal is seen aborted at the first look", async () => {
    const { clock, faults, session } = await setup();
    faults.pause();
    await clock.advance(pastDeadlineMs);
    expect(session.signal.aborted).toBe(true);
    expect(session.signal.reason).toMatchObject({ code: "SESSION_LOST" });
  });

  test("SES-3: so is that of a leadership, and that of a lock", async () => {
    const { clock, faults, coordinator } = await setup();
    const taking = [coordinator.election("/e").campaign(), coordinator.lock("/l").acquire()];
    await clock.advance(0);
    const [leadership, hold] = await Promise.all(taking);
    expect([leadership?.signal.aborted, hold?.signal.aborted]).toEqual([false, false]);
    faults.pause();
    await clock.advance(pastDeadlineMs);
    expect(leadership?.signal.aborted).toBe(true);
    expect(hold?.signal.aborted).toBe(true);
  });

  test("SES-4: a process that wakes past the deadline sends no renewal, and the store ends its session in time", async () => {
    const { clock, cluster, faults, session } = await setup();
    await clock.advance(10);
    faults.pause();
    await clock.advance(pastDeadlineMs);
    cluster.requests.reset();
    faults.resume();
    await clock.advance(0);
    expect(session.state).toBe("lost");
    expect(cluster.requests.of("renew")).toBe(0);
    await clock.advance(sessionTimeoutMs - clock.now());
    expect(cluster.sessions).not.toContain(session.id);
  });

  test("SES-9: a reader of the states that comes past the deadline is told of the loss once", async () => {
    const { clock, faults, session } = await setup();
    faults.pause();
    await clock.advance(pastDeadlineMs);
    const seen: SessionState[] = [];
    for await (const state of session.states()) seen.push(state);
    expect(seen).toEqual(["lost"]);
  });

  test("SES-10: closing the coordinator as soon as the session says that it closes asks the store once", async () => {
    const { clock, cluster, coordinator, session } = await setup();
    let nested: Promise<void> | undefined;
    session.signal.addEventListener("abort", () => {
      nested = coordinator.close();
    });
    cluster.requests.reset();
    const closing = session.close();
    await clock.advance(5_000);
    await closing;
    expect(nested).toBeDefined();
    await nested;
    expect(cluster.requests.of("close")).toBe(1);
    expect(clock.pending).toBe(0);
  });
});
