import type { BarrierRound, Coordinator } from "@conclave/api";
import { describe, expect, test } from "vitest";
import { type Client, memoryStore, randomFrom, range, refusing, stateOf } from "./support.js";

const path = "/b";

/** One stay at the barrier, from the call of `enter` on. */
interface Stay {
  readonly calledAtMs: number;
  enteredAtMs?: number;
  node?: string;
  /** The members of its round, as `ready` named them while it was inside. */
  members?: readonly string[];
  leftAtMs?: number;
  /** When its session was ended by force, if it was. */
  diedAtMs?: number;
}

describe("double barrier", () => {
  test("BAR-3: whoever sees that enough have come begins the round, though it is not in it", async () => {
    const { clock, within, join } = memoryStore();
    const [first, silent, third] = await Promise.all(range(3).map(() => join()));
    if (!first || !silent || !third) throw new Error("there are three");
    const barrierOf = ({ coordinator }: Client) => coordinator.doubleBarrier(path, { count: 2 });
    const entering = barrierOf(first).enter();
    await clock.advance(0);
    // It stands there, and never gets to know it.
    silent.backend.faults.blackHole({ only: "replies" });
    const cut = stateOf(barrierOf(silent).enter());
    await clock.advance(0);
    const waiting = stateOf(barrierOf(third).enter());
    await within(100, entering);
    expect(waiting.now).toBe("pending");
    await clock.advance(10_000);
    expect(cut.now).toBe("SESSION_LOST");
    expect(waiting.now).toBe("pending");
  });

  test("BAR-4: the next round begins when the last of the former dies, without anybody else coming or leaving", async () => {
    const { clock, cluster, within, join } = memoryStore();
    const clients = await Promise.all(range(4).map(() => join()));
    const enter = ({ coordinator }: Client) => coordinator.doubleBarrier(path, { count: 2 }).enter();
    const [a, b] = await within(100, Promise.all(clients.slice(0, 2).map(enter)));
    const next = Promise.all(clients.slice(2).map(enter));
    const state = stateOf(next);
    const left = stateOf(a?.leave() ?? Promise.reject());
    await clock.advance(100);
    expect([state.now, left.now]).toEqual(["pending", "pending"]);
    cluster.expireSession((await clients[1]?.coordinator.session())?.id ?? "");
    await within(100, next);
    expect(left.now).toBe("resolved");
    expect(b?.signal.aborted).toBe(true);
  });

  test("BAR-6: giving up while the node is being made removes it", async () => {
    const { clock, within, join } = memoryStore();
    const [{ backend, coordinator }, other] = [await join(), await join()];
    await within(100, coordinator.create(path));
    backend.faults.delay(50);
    // It is made after 50 ms, and known here after 100.
    const entering = coordinator.doubleBarrier(path, { count: 2 }).enter({ timeoutMs: 60 });
    const state = stateOf(entering);
    await clock.advance(70);
    expect(state.now).toBe("TIMEOUT");
    expect((await within(100, other.coordinator.children(path))).length).toBe(1);
    await clock.advance(200);
    expect((await within(100, other.coordinator.children(path))).length).toBe(0);
  });

  test("BAR-6: giving up removes the node though the store fails to, the first times", async () => {
    const { clock, within, join } = memoryStore();
    const { prepare, refusals } = refusing("delete", 2);
    const [{ coordinator }, other] = [await join(prepare), await join()];
    const entering = stateOf(coordinator.doubleBarrier(path, { count: 2 }).enter({ timeoutMs: 60 }));
    await clock.advance(70);
    expect(entering.now).toBe("TIMEOUT");
    await clock.advance(1_000);
    expect(refusals()).toBe(2);
    expect((await within(100, other.coordinator.children(path))).length).toBe(0);
  });

  test("BAR-3: what it costs", async () => {
    const { clock, within, join } = memoryStore();
    const clients = await Promise.all(range(2).map(() => join()));
    const costs = () => clients.map(({ backend }) => backend.requests.total - backend.requests.of("watch"));
    const reset = () => {
      for (const { backend } of clients) backend.requests.reset();
    };
    const enter = ({ coordinator }: Client) => coordinator.doubleBarrier(path, { count: 2 }).enter();
    const entering: Promise<BarrierRound>[] = [];
    reset();
    for (const client of clients) {
      entering.push(enter(client));
      await clock.advance(0);
    }
    const rounds = await within(100, Promise.all(entering));
    // To stand there, to look twice, and once more when the round has begun; or to begin it.
    expect(costs()).toEqual([4, 4]);
    reset();
    const leaving: Promise<void>[] = [];
    for (const round of rounds) {
      leaving.push(round.leave());
      await clock.advance(0);
    }
    await within(100, Promise.all(leaving));
    // To leave, to look, and once more when the one who was waited for has gone.
    expect(costs()).toEqual([3, 2]);
  });

  test.each(range(60))("BAR-3..6: whatever happens in between, seed %i", async (seed) => {
    const { clock, cluster, within, join } = memoryStore();
    const random = randomFrom(seed + 1);
    const count = 2 + (seed % 3);
    const clients = await Promise.all(range(count + 1 + (seed % 2)).map(() => join()));
    for (const { backend } of clients) backend.faults.delay(1 + Math.floor(random() * 20));
    const stays: Stay[] = [];
    const sleep = (ms: number) =>
      new Promise<void>((resolve) => {
        clock.schedule(ms, resolve);
      });
    const readyOf = async (coordinator: Coordinator) => {
      const node = await coordinator.get(`${path}/ready`, { linearizable: true });
      return JSON.parse(new TextDecoder().decode(node?.data)).members as readonly string[];
    };
    const expire = async (coordinator: Coordinator) => {
      const session = await coordinator.session().catch(() => undefined);
      if (session) cluster.expireSession(session.id);
    };
    let faults = true;
    const one = async ({ coordinator }: Client) => {
      const barrier = coordinator.doubleBarrier(path, { count });
      while (faults) {
        const stay: Stay = { calledAtMs: clock.now() };
        stays.push(stay);
        try {
          const patience = random() < 0.2 ? { timeoutMs: Math.floor(random() * 60) } : {};
          const round: BarrierRound = await barrier.enter(patience);
          stay.enteredAtMs = clock.now();
          stay.node = round.path.slice(path.length + 1);
          stay.members = await readyOf(coordinator);
          if (random() < 0.2) await sleep(random() * 40);
          if (random() < 0.1) {
            stay.diedAtMs = clock.now();
            await expire(coordinator);
          } else stay.leftAtMs = clock.now();
          await round.leave();
          const returnedAtMs = clock.now();
          for (const member of stay.members) {
            const other = stays.find(({ node }) => node === member);
            // One that gave up, or died, as the round began never entered it.
            if (other === undefined) continue;
            const outAtMs = Math.min(other.leftAtMs ?? Infinity, other.diedAtMs ?? Infinity);
            expect(outAtMs).toBeLessThanOrEqual(returnedAtMs);
          }
        } catch (error) {
          const { code } = error as { code?: string };
          if (!["TIMEOUT", "SESSION_LOST", "NOT_HELD", "CLOSED", "CONNECTION_LOST"].includes(code ?? ""))
            throw error;
          stay.diedAtMs ??= clock.now();
        }
        if (random() < 0.05) await expire(coordinator);
      }
    };
    const harm = async () => {
      while (faults) {
        await sleep(random() * 300);
        const client = clients[Math.floor(random() * clients.length)];
        const kind = random();
        if (kind < 0.3) client?.backend.faults.cut();
        else if (kind < 0.8) client?.backend.faults.dropNextReply();
        else {
          client?.backend.faults.blackHole();
          await sleep(random() * 500);
          client?.backend.faults.heal();
        }
      }
    };
    const running = Promise.all([...clients.map(one), harm()]);
    running.catch(() => {});
    await clock.advance(8_000);
    faults = false;
    // Those who are inside or wait for others that do not come any more end with their coordinators.
    for (const { coordinator } of clients) void coordinator.close();
    await within(60_000, running);

    const entered = stays.filter(({ enteredAtMs }) => enteredAtMs !== undefined);
    expect(entered.length).toBeGreaterThan(3 * count);
    const rounds = new Map<string, Stay[]>();
    for (const stay of entered) {
      if (stay.members === undefined) continue;
      expect(stay.members).toContain(stay.node);
      expect(stay.members.length).toBe(count);
      const key = stay.members.join();
      rounds.set(key, [...(rounds.get(key) ?? []), stay]);
    }
    const inOneRoundOnly = [...rounds.keys()].flatMap((key) => key.split(","));
    expect(new Set(inOneRoundOnly).size).toBe(inOneRoundOnly.length);
    for (const members of rounds.values()) {
      const firstInMs = Math.min(...members.map(({ enteredAtMs = 0 }) => enteredAtMs));
      const lastCalledMs = Math.max(...members.map(({ calledAtMs }) => calledAtMs));
      expect(firstInMs).toBeGreaterThanOrEqual(lastCalledMs);
    }
    const observer = await join();
    await clock.advance(10_000);
    const left = await within(1_000, observer.coordinator.children(path));
    expect(left.map(({ name }) => name)).toEqual(["ready"]);
  });
});
