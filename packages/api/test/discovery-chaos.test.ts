import {
  type Change,
  type Coordinator,
  connect,
  type Instance,
  type Registration,
  type ServiceView,
} from "@conclave/api";
import type { ChildNode } from "@conclave/api/backend";
import { type MemoryBackend, MemoryCluster, memory, VirtualClock } from "@conclave/backend-memory";
import { describe, expect, test } from "vitest";
import { preparing, randomFrom } from "./support.js";

/*
 * Random schedules of registrations, updates and withdrawals by several clients under every fault that the memory backend has, from a
 * seed, judged at each step against all that the store went through.
 */

type State = ReadonlyMap<string, number>;

function portOf({ node }: ChildNode): number {
  return JSON.parse(new TextDecoder().decode(node.data)).port;
}

function isSame(a: State, b: State): boolean {
  return a.size === b.size && [...a].every(([id, port]) => b.get(id) === port);
}

function shown(view: ServiceView): State {
  return new Map(view.instances.map(({ id, port }) => [id, port]));
}

/** Every state that the service went through, in order. */
async function observed(clock: VirtualClock, cluster: MemoryCluster) {
  const history: State[] = [new Map()];
  const current = new Map<string, number>();
  const record = () => history.push(new Map(current));
  const backend = preparing(memory({ cluster }), (session) => {
    const watch = session.watchChildNodes.bind(session);
    session.watchChildNodes = (path, sink) =>
      watch(path, {
        snapshot(children) {
          current.clear();
          for (const child of children ?? []) current.set(child.name, portOf(child));
          record();
          sink.snapshot(children);
        },
        changed(child) {
          current.set(child.name, portOf(child));
          record();
          sink.changed(child);
        },
        removed(name) {
          current.delete(name);
          record();
          sink.removed(name);
        },
        failed: (error) => sink.failed(error),
      });
  });
  const connecting = connect(backend, { sessionTimeoutMs: 3_000_000 });
  await clock.advance(0);
  const coordinator = await connecting;
  const viewing = coordinator.discovery("/d").view("web");
  await clock.advance(0);
  await viewing;
  return { history, current: current as State, coordinator };
}

class Replay {
  readonly ports = new Map<string, number>();
  readonly misfits: string[] = [];

  apply({ type, id, value }: Change<Instance>): void {
    if (this.ports.has(id) !== (type !== "added")) this.misfits.push(`${type} ${id}`);
    if (type === "removed") this.ports.delete(id);
    else this.ports.set(id, value.port);
  }
}

/** What a client wants of one id. */
interface Wish {
  port: number | undefined;
  registration: Registration | undefined;
  /** Withdrawn, and resolved: what may still be seen of it until the old session is over. */
  leftover: number | undefined;
  isWithdrawn: boolean;
  busy: boolean;
}

interface Client {
  readonly backend: MemoryBackend;
  readonly coordinator: Coordinator;
  readonly view: ServiceView;
  readonly replay: Replay;
  readonly events: Promise<void>;
  readonly wishes: Map<string, Wish>;
  /** Where in the history the view was last stale. */
  doubtedAt: number;
  /** The state in the history that the view shows: never an earlier one than before. */
  isLike: number;
}

async function schedule(seed: number, steps: number): Promise<void> {
  const random = randomFrom(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const clock = new VirtualClock();
  const cluster = new MemoryCluster({ clock });
  const observer = await observed(clock, cluster);
  const { history, current } = observer;
  const observerId = (await observer.coordinator.session()).id;
  let port = 0;
  const clients: Client[] = [];
  for (let c = 0; c < 4; c += 1) {
    const backend = memory({ cluster });
    const connecting = connect(backend, { sessionTimeoutMs: 3_000 });
    await clock.advance(0);
    const coordinator = await connecting;
    const viewing = coordinator.discovery("/d").view("web");
    await clock.advance(0);
    const view = await viewing;
    const replay = new Replay();
    const events = (async () => {
      for await (const change of view.changes()) replay.apply(change);
    })();
    const wishes = new Map<string, Wish>();
    for (const id of [`c${c}-a`, `c${c}-b`, "shared"])
      wishes.set(id, {
        port: undefined,
        registration: undefined,
        leftover: undefined,
        isWithdrawn: false,
        busy: false,
      });
    clients.push({ backend, coordinator, view, replay, events, wishes, doubtedAt: 0, isLike: 0 });
  }
  const log: string[] = [];
  const failures: string[] = [];

  const act = (client: Client, id: string, wish: Wish) => {
    port += 1;
    const mine = port;
    const { registration } = wish;
    if (registration === undefined || random() < 0.15) {
      if (wish.busy) return;
      wish.busy = true;
      wish.isWithdrawn = false;
      wish.port = mine;
      const timeoutMs = random() < 0.3 ? Math.floor(random() * 2_000) : undefined;
      log.push(`${id} register ${mine} ${timeoutMs ?? ""}`);
      client.coordinator
        .discovery("/d")
        .register({ name: "web", id, address: "h", port: mine }, { timeoutMs })
        .then(
          (made) => {
            wish.registration = made;
            wish.busy = false;
          },
          (error) => {
            log.push(`${id} register ${mine} ${error.code}`);
            wish.registration = undefined;
            wish.port = undefined;
            wish.busy = false;
          },
        );
    } else if (wish.busy) return;
    else if (random() < 0.6) {
      log.push(`${id} update ${mine}`);
      wish.port = mine;
      registration.update({ port: mine }).catch((error) => log.push(`${id} update ${mine} ${error.code}`));
    } else {
      log.push(`${id} unregister`);
      wish.busy = true;
      wish.port = undefined;
      const done = () => {
        wish.busy = false;
        wish.registration = undefined;
        wish.isWithdrawn = true;
        wish.leftover = current.get(id);
        log.push(`${id} unregistered, ${wish.leftover ?? "gone"}`);
      };
      registration.unregister().then(done, (error) => {
        failures.push(`unregister ${error.code} ${error.message}`);
      });
      if (random() < 0.2) registration.unregister().catch(() => {});
    }
  };

  const hurt = (client: Client) => {
    const { faults } = client.backend;
    const what = pick([
      "cut",
      "halfOpen",
      "refuse",
      "accept",
      "blackHole",
      "requests",
      "replies",
      "heal",
      "heal",
      "accept",
      "dropNextReply",
      "dropNextReply",
      "delay",
      "expire",
      "pause",
      "resume",
      "resume",
      "restart",
    ] as const);
    log.push(`${clients.indexOf(client)} ${what}`);
    switch (what) {
      case "requests":
      case "replies":
        return faults.blackHole({ only: what });
      case "delay":
        return faults.delay(Math.floor(random() * 30));
      case "restart":
        return cluster.restart();
      case "expire": {
        const victims = cluster.sessions.filter((id) => id !== observerId);
        if (victims.length > 0) cluster.expireSession(pick(victims));
        return;
      }
      default:
        return faults[what]();
    }
  };

  const judge = async () => {
    for (const [c, client] of clients.entries()) {
      const { view, wishes, replay } = client;
      for (const [id, wish] of wishes) {
        if (id === "shared" || !wish.isWithdrawn) continue;
        const now = current.get(id);
        if (now !== undefined && now !== wish.leftover) failures.push(`${id} came back: ${now}`);
        wish.leftover = now;
      }
      failures.push(...replay.misfits.splice(0));
      if (view.stale) {
        client.doubtedAt = history.length - 1;
        continue;
      }
      const from = Math.max(client.doubtedAt, client.isLike);
      const like = history.findIndex((state, at) => at >= from && isSame(state, shown(view)));
      if (like < 0) failures.push(`view ${c} shows ${[...shown(view)]}, now ${[...current]}`);
      else client.isLike = like;
    }
  };

  for (let step = 0; step < steps && failures.length === 0; step += 1) {
    const client = pick(clients);
    const roll = random();
    if (roll < 0.45) {
      const [id, wish] = pick([...client.wishes]);
      act(client, id, wish);
    } else if (roll < 0.75) hurt(client);
    const ms = pick([0, 0, 1, 1, 2, 5, 10, 50, 300, 1_200, 4_000]);
    for (let n = 0; n < ms; n += Math.max(1, ms / 10)) {
      await clock.advance(Math.max(1, ms / 10));
      await judge();
    }
    if (ms === 0) {
      await clock.advance(0);
      await judge();
    }
  }
  for (const { backend } of clients) {
    backend.faults.resume();
    backend.faults.heal();
    backend.faults.accept();
    backend.faults.delay(0);
  }
  await clock.advance(30_000);
  await judge();
  for (const [c, { view, wishes, replay, coordinator }] of clients.entries()) {
    if (view.stale) failures.push(`view ${c} is stale`);
    if (!isSame(shown(view), current))
      failures.push(`view ${c} shows ${[...shown(view)]}, not ${[...current]}`);
    if (!isSame(replay.ports, current)) failures.push(`events ${c} lead to ${[...replay.ports]}`);
    const session = await coordinator.session();
    for (const [id, wish] of wishes) {
      if (wish.busy) failures.push(`${id} is pending`);
      if (id === "shared") continue;
      if (current.get(id) !== wish.port) failures.push(`${id} is ${current.get(id)}, not ${wish.port}`);
      if (wish.port !== undefined && wish.registration?.sessionId !== session.id)
        failures.push(`${id} does not know that it stands`);
    }
  }
  const shared = current.get("shared");
  const wanted = clients.map(({ wishes }) => wishes.get("shared")?.port);
  if (shared !== undefined && !wanted.includes(shared)) failures.push(`shared is ${shared}, not ${wanted}`);
  const closing = Promise.all(clients.map(({ coordinator }) => coordinator.close()));
  const ends = Promise.all(clients.map(({ events }) => events.catch((error) => error.code)));
  await clock.advance(5_000);
  await closing;
  expect(new Set(await ends)).toEqual(new Set(["CLOSED"]));
  if (current.size > 0) failures.push(`left: ${[...current]}`);
  const ending = observer.coordinator.close();
  await clock.advance(1_000);
  await ending;
  if (cluster.sessions.length > 0) failures.push(`sessions: ${cluster.sessions}`);
  if (clock.pending > 0) failures.push(`timers: ${clock.pending}`);
  expect(failures, `seed ${seed}\n${log.join("\n")}`).toEqual([]);
}

describe("discovery under every fault", () => {
  const seeds = Array.from({ length: 30 }, (_, index) => index + 1);
  test.each(seeds)("DISC-1, DISC-2, DISC-3, DISC-5: a random schedule, seed %i", (seed) =>
    schedule(seed, 120),
  );
});
