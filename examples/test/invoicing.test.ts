import { type Coordinator, connect } from "@conclave/api";
import { type MemoryBackend, MemoryCluster, memory, VirtualClock } from "@conclave/backend-memory";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** The application: whichever instance leads sends the invoices, one every second, and notes the last one sent. */
async function sendInvoices(
  coordinator: Coordinator,
  settings: { name: string; clock: VirtualClock; sent: string[] },
) {
  const { name, clock, sent } = settings;
  await coordinator.election("/invoicing").lead(async (leadership) => {
    while (leadership.isHeld) {
      const cursor = await coordinator.get("/cursor", { linearizable: true });
      const next = Number(new TextDecoder().decode(cursor?.data)) + 1;
      await leadership.set("/cursor", String(next));
      sent.push(`${next} by ${name}`);
      await new Promise<void>((resolve) => clock.schedule(1000, resolve));
    }
    leadership.signal.throwIfAborted();
  });
}

describe("sending invoices", () => {
  const sessionTimeoutMs = 10_000;
  let clock: VirtualClock;
  let a: { backend: MemoryBackend; coordinator: Coordinator };
  let b: typeof a;
  let sent: string[];
  let running: Promise<unknown>[];

  beforeEach(async () => {
    clock = new VirtualClock();
    const cluster = new MemoryCluster({ clock });
    const start = async () => {
      const backend = memory({ cluster });
      return { backend, coordinator: await connect(backend, { sessionTimeoutMs }) };
    };
    a = await start();
    b = await start();
    sent = [];
    await a.coordinator.create("/cursor", "0");
    const run = async ({ coordinator }: typeof a, name: string) => {
      running.push(sendInvoices(coordinator, { name, clock, sent }).catch((error: unknown) => error));
      await clock.advance(0);
    };
    running = [];
    await run(a, "a");
    await run(b, "b");
  });

  afterEach(async () => {
    a.backend.faults.accept();
    const closing = Promise.all([a.coordinator.close(), b.coordinator.close()]);
    await clock.advance(5000);
    await closing;
    await Promise.all(running);
    // Nothing was left behind.
    expect(clock.pending).toBe(0);
  });

  test("one instance sends, the other waits", async () => {
    await clock.advance(2500);
    expect(sent).toEqual(["1 by a", "2 by a", "3 by a"]);
  });

  test("when the leader is cut off, the other takes over, and no invoice is sent twice", async () => {
    await clock.advance(500);
    a.backend.faults.refuse();
    await clock.advanceUntil(() => sent.at(-1)?.endsWith("by b") ?? false, {
      withinMs: 2 * sessionTimeoutMs,
    });
    expect(clock.now()).toBeLessThanOrEqual(500 + sessionTimeoutMs);
    a.backend.faults.accept();
    await clock.advance(5000);
    expect(new Set(sent.map((line) => line.split(" ")[0])).size).toBe(sent.length);
    expect(sent.slice(1).every((line) => line.endsWith("by b"))).toBe(true);
  });

  test("a leader that was stopped for a while writes nothing after it goes on", async () => {
    await clock.advance(500);
    a.backend.faults.pause();
    await clock.advance(2 * sessionTimeoutMs);
    const before = sent.filter((line) => line.endsWith("by a"));
    a.backend.faults.resume();
    await clock.advance(3000);
    expect(sent.filter((line) => line.endsWith("by a"))).toEqual(before);
    expect(sent.at(-1)).toMatch(/by b$/);
  });
});
