import { ConclaveError, type Coordinator, type Hold } from "@conclave/api";
import { describe, expect, test } from "vitest";
import { type Client, memoryStore, randomFrom, range } from "./support.js";

type Mode = "alone" | "shared";

interface Held {
  readonly hold: Hold;
  readonly mode: Mode;
  release(): Promise<void>;
}

interface Recipe {
  readonly name: string;
  /** How many hold at once, of those that share. */
  readonly most: number;
  acquire(coordinator: Coordinator, shared: boolean, options: { timeoutMs?: number }): Promise<Held>;
}

const path = "/l";

function held<H extends Hold & { release(): Promise<void> }>(hold: H, mode: Mode): Held {
  return { hold, mode, release: () => hold.release() };
}

const recipes: readonly Recipe[] = [
  {
    name: "lock",
    most: 1,
    acquire: async (coordinator, _, options) => held(await coordinator.lock(path).acquire(options), "alone"),
  },
  {
    name: "election",
    most: 1,
    acquire: async (coordinator, _, options) => {
      const hold = await coordinator.election(path).campaign(options);
      return { hold, mode: "alone", release: () => hold.resign() };
    },
  },
  {
    name: "read-write lock",
    most: Number.POSITIVE_INFINITY,
    acquire: async (coordinator, shared, options) => {
      const { read, write } = coordinator.readWriteLock(path);
      return held(await (shared ? read : write).acquire(options), shared ? "shared" : "alone");
    },
  },
  {
    name: "semaphore",
    most: 3,
    acquire: async (coordinator, _, options) =>
      held(await coordinator.semaphore(path, { permits: 3 }).acquire(options), "shared"),
  },
];

const passing = ["TIMEOUT", "SESSION_LOST", "NOT_HELD", "CLOSED", "CONNECTION_LOST"];

describe.each(recipes)("$name", (recipe) => {
  test.each(range(30))("LEAD-1..8: whatever happens in between, seed %i", async (seed) => {
    const { clock, cluster, within, join } = memoryStore();
    const random = randomFrom(seed + 1);
    const clients = await Promise.all(range(6).map(() => join()));
    const observer = (await join()).coordinator;
    for (const { backend } of clients) backend.faults.delay(Math.floor(random() * 20));
    const sleep = (ms: number) => new Promise<void>((resolve) => void clock.schedule(ms, resolve));
    const holding = new Set<Held>();
    /** Paths and sessions that somebody else put an end to: their holders are told after the fact. */
    const ended = new Set<string>();
    const sessionOf = new Map<Held, string>();
    const violations: string[] = [];
    const tokens: bigint[] = [];
    let faults = true;

    const look = () => {
      const now = [...holding].filter(
        (one) => one.hold.isHeld && !ended.has(one.hold.path) && !ended.has(sessionOf.get(one) ?? ""),
      );
      const excluded = now.some(({ mode }) => mode === "alone") && now.length > 1;
      if (excluded || now.length > recipe.most)
        violations.push(`${clock.now()}: ${now.map(({ hold }) => hold.path).join()}`);
    };
    const stay = async (coordinator: Coordinator) => {
      const patience = random() < 0.25 ? { timeoutMs: Math.floor(random() * 80) } : {};
      const one = await recipe.acquire(coordinator, random() < 0.6, patience);
      // While it is in doubt to which session it belongs it is not judged.
      const session = await coordinator.session();
      sessionOf.set(one, session.id);
      if (!one.hold.isHeld) return;
      tokens.push(one.hold.token);
      holding.add(one);
      const untilMs = clock.now() + random() * 30;
      for (look(); clock.now() < untilMs && one.hold.isHeld; look()) await sleep(5);
      holding.delete(one);
      await one.release();
    };
    const run = async ({ coordinator }: Client) => {
      while (faults) {
        await stay(coordinator).catch((error: unknown) => {
          if (!passing.some((code) => ConclaveError.is(error, code as "TIMEOUT"))) throw error;
        });
        if (random() < 0.3) await sleep(random() * 20);
      }
    };
    const deleteOne = async () => {
      const names = (await observer.children(path).catch(() => [])).map(({ name }) => name);
      const name = names[Math.floor(random() * names.length)];
      if (name === undefined) return;
      ended.add(`${path}/${name}`);
      await observer.delete(`${path}/${name}`).catch(() => {});
    };
    const harm = async ({ backend, coordinator }: Client) => {
      const kind = random();
      if (kind < 0.2) backend.faults.cut();
      else if (kind < 0.55) backend.faults.dropNextReply();
      else if (kind < 0.65) backend.faults.halfOpen();
      else if (kind < 0.75) {
        const { id } = await coordinator.session();
        ended.add(id);
        cluster.expireSession(id);
      } else if (kind < 0.8) {
        backend.faults.pause();
        await sleep(random() * 4_000);
        backend.faults.resume();
      } else if (kind < 0.88) await deleteOne();
      else {
        backend.faults.blackHole();
        await sleep(random() * 700);
        backend.faults.heal();
      }
    };
    const harmAll = async () => {
      while (faults) {
        await sleep(random() * 150);
        await harm(clients[Math.floor(random() * clients.length)] as Client);
      }
    };
    const running = Promise.all([...clients.map(run), harmAll()]);
    running.catch(() => {});
    await clock.advance(8_000);
    faults = false;
    // Once nothing is disturbed any more, everybody who waits has a turn.
    await within(60_000, running);

    expect(violations).toEqual([]);
    expect(tokens.length).toBeGreaterThan(10);
    expect(new Set(tokens).size).toBe(tokens.length);
    await clock.advance(10_000);
    expect(await within(1_000, observer.children(path))).toEqual([]);
  });
});
