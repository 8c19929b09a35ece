import { ConclaveError, type Partition, type Partitioner } from "@conclave/api";
import { expect, test } from "vitest";
import { harm, oneOf } from "./harm.js";
import { type Client, memoryStore, randomFrom, range, untilAborted } from "./support.js";

const partitions = 6;

interface Running {
  readonly partitioner: Partitioner;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

test.each(range(40))("PART-1..8: whatever happens in between, seed %i", async (seed) => {
  const { clock, cluster, within, join } = memoryStore();
  const random = randomFrom(seed + 1);
  const clients = await Promise.all(range(4).map(() => join()));
  const observer = (await join()).coordinator;
  for (const { backend } of clients) backend.faults.delay(Math.floor(random() * 20));
  const sleep = (ms: number) => new Promise<void>((resolve) => void clock.schedule(ms, resolve));
  const working = new Map<Partition, { readonly client: Client; readonly session: string }>();
  /** Nodes and sessions that somebody else put an end to: their holders are told after the fact. */
  const ended = new Set<string>();
  const tokens: string[] = [];
  const violations: string[] = [];
  let begun = 0;
  let faults = true;

  const look = () => {
    const owners = new Map<number, number>();
    for (const [partition, { session }] of working) {
      if (!partition.isHeld || ended.has(partition.path) || ended.has(session)) continue;
      owners.set(partition.index, (owners.get(partition.index) ?? 0) + 1);
    }
    for (const [index, count] of owners)
      if (count > 1) violations.push(`${clock.now()}: ${count} own ${index}`);
  };
  const work = (client: Client) => async (partition: Partition) => {
    begun += 1;
    const session = await client.coordinator.session();
    tokens.push(`${partition.index} ${partition.token}`);
    working.set(partition, { client, session: session.id });
    look();
    await untilAborted(partition.signal);
    look();
    if (random() < 0.5) await sleep(random() * 100);
    look();
    working.delete(partition);
  };
  const start = (client: Client, id: string): Running => {
    const partitioner = client.coordinator.partitioner("/p", { partitions, id });
    const stop = new AbortController();
    const running = partitioner.run(work(client), { signal: stop.signal });
    const over = running.catch((error: unknown) => {
      if (!ConclaveError.is(error, "ABORTED")) throw error;
    });
    over.catch((error: unknown) => violations.push(String(error)));
    return { partitioner, stop, ended: over };
  };
  // Of two clients the names are the same, now and then.
  const nameOf = (index: number) => (random() < 0.1 ? "same" : `member-${index}`);
  const members = new Map(clients.map((client, index) => [index, start(client, nameOf(index))]));
  const comeAndGo = async () => {
    while (faults) {
      await sleep(random() * 600);
      const index = Math.floor(random() * clients.length);
      const member = members.get(index);
      if (member) {
        member.stop.abort();
        members.delete(index);
        if (random() < 0.5) await member.ended;
      }
      if (member === undefined || random() < 0.5) {
        members.set(index, start(clients[index] as Client, nameOf(index)));
      }
    }
  };
  const deleteOne = async () => {
    const parent = random() < 0.3 ? "/p/members" : `/p/partitions/${Math.floor(random() * partitions)}`;
    const children = await observer.children(parent).catch(() => []);
    if (children.length === 0) return;
    const path = `${parent}/${oneOf(children, random).name}`;
    ended.add(path);
    await observer.delete(path).catch(() => {});
  };
  const harmAll = async () => {
    while (faults) {
      await sleep(random() * 200);
      const endsSession = (id: string) => ended.add(id);
      if (random() < 0.15) await deleteOne();
      else await harm(oneOf(clients, random), { cluster, random, sleep, endsSession });
    }
  };
  const disturbed = Promise.all([comeAndGo(), harmAll()]);
  disturbed.catch(() => {});
  await clock.advance(8_000);
  faults = false;
  await within(10_000, disturbed);
  for (const [index, { stop }] of members) {
    stop.abort();
    members.set(index, start(clients[index] as Client, `member-${index}`));
  }
  members.set(0, members.get(0) ?? start(clients[0] as Client, "member-0"));
  await clock.advance(20_000);

  expect(violations).toEqual([]);
  expect(begun).toBeGreaterThan(20);
  expect(new Set(tokens).size).toBe(tokens.length);
  const owned = [...members.values()].flatMap(({ partitioner }) => partitioner.owned);
  expect(owned.sort()).toEqual(range(partitions));
  const ask = async () => {
    const lines = range(partitions).map((index) => observer.children(`/p/partitions/${index}`));
    const joined = await observer.children("/p/members");
    return { standing: (await Promise.all(lines)).map((line) => line.length), joined: joined.length };
  };
  const { standing, joined } = await within(1_000, ask());
  expect(standing).toEqual(range(partitions).map(() => 1));
  expect(joined).toBe(members.size);
  for (const { stop } of members.values()) stop.abort();
  await within(1_000, Promise.all([...members.values()].map(({ ended }) => ended)));
});
