import { ConclaveError, type Coordinator, type Task } from "@conclave/api";
import { expect, test } from "vitest";
import { harm, oneOf } from "./harm.js";
import { type Client, memoryStore, randomFrom, range } from "./support.js";

const passing = ["TIMEOUT", "ABORTED", "SESSION_LOST", "NOT_HELD", "CLOSED", "CONNECTION_LOST"] as const;

function isPassing(error: unknown): error is ConclaveError {
  return passing.some((code) => ConclaveError.is(error, code));
}

function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** How often each comes. */
function counted(items: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

test.each(range(40))("QUEUE-1..8: whatever happens in between, seed %i", async (seed) => {
  const { clock, cluster, within, join } = memoryStore();
  const random = randomFrom(seed + 1);
  const clients = await Promise.all(range(5).map(() => join()));
  const observer = (await join()).coordinator;
  await within(1_000, observer.create("/done"));
  for (const { backend } of clients) backend.faults.delay(Math.floor(random() * 20));
  const sleep = (ms: number) => new Promise<void>((resolve) => void clock.schedule(ms, resolve));
  const options = seed % 2 === 0 ? {} : { maxAttempts: 3 };
  const handed = new Map<Task, string>();
  /** Tokens and sessions that somebody else put an end to: their holders are told after the fact. */
  const ended = new Set<string>();
  const put: string[] = [];
  const perhaps: string[] = [];
  const acknowledged: string[] = [];
  const violations: string[] = [];
  let faults = true;
  const enough = new AbortController();

  const look = () => {
    const held = [...handed].filter(
      ([task, session]) => task.isHeld && !ended.has(String(task.token)) && !ended.has(session),
    );
    for (const [id, count] of counted(held.map(([task]) => task.id))) {
      if (count > 1) violations.push(`${clock.now()}: ${count} hold ${id}`);
    }
  };
  const acknowledge = async (task: Task) => {
    const operations = [{ type: "create", path: `/done/${task.id}`, data: task.data } as const];
    // Told that it is done, or that it may be, it is; and nobody does it again.
    await task.acknowledge({ operations });
    acknowledged.push(task.id);
  };
  const work = async (task: Task) => {
    look();
    const untilMs = clock.now() + random() * 30;
    for (; clock.now() < untilMs && task.isHeld; look()) await sleep(5);
    const what = random();
    if (what < 0.5) await acknowledge(task);
    else if (what < 0.7) await task.release();
    else if (what < 0.85) await task.reject();
    else await Promise.all([task.release(), task.release()]);
  };
  const run = async ({ coordinator }: Client) => {
    const queue = coordinator.workQueue("/q", options);
    for (;;) {
      const patience = random() < 0.25 ? { timeoutMs: Math.floor(random() * 80) } : {};
      try {
        const task = await queue.take({ signal: enough.signal, ...patience });
        // While it is in doubt to which session it belongs it is not judged.
        const { id } = await coordinator.session();
        if (!task.isHeld) continue;
        handed.set(task, id);
        await work(task).finally(() => handed.delete(task));
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (enough.signal.aborted) return;
      }
    }
  };
  const produce = async (coordinator: Coordinator) => {
    const queue = coordinator.workQueue("/q");
    for (let count = 0; faults; count += 1) {
      const data = `${count}`;
      await queue.put(data, { priority: Math.floor(random() * 3) }).then(
        () => put.push(data),
        (error) => {
          if (!isPassing(error)) throw error;
          if (error.outcome === "unknown") perhaps.push(data);
        },
      );
      await sleep(random() * 60);
    }
  };
  const deleteOne = async () => {
    const claims = await observer.children("/q/claims").catch(() => []);
    if (claims.length === 0) return;
    const path = `/q/claims/${oneOf(claims, random).name}`;
    const node = await observer.get(path);
    if (node === undefined) return;
    ended.add(String(node.createRevision));
    await observer.delete(path).catch(() => {});
  };
  const harmAll = async () => {
    while (faults) {
      await sleep(random() * 150);
      const endsSession = (id: string) => ended.add(id);
      if (random() < 0.1) await deleteOne();
      else await harm(oneOf(clients, random), { cluster, random, sleep, endsSession });
    }
  };
  const queue = observer.workQueue("/q");
  const drain = async () => {
    for (;;) {
      const { ready, claimed } = await queue.size();
      if (ready + claimed === 0) return enough.abort();
      await sleep(20);
    }
  };
  const [producer, ...workers] = clients as [Client, ...Client[]];
  const disturbed = Promise.all([produce(producer.coordinator), harmAll()]).then(drain);
  const running = Promise.all([...workers, ...workers].map(run));
  const all = Promise.all([disturbed, running]);
  all.catch(() => {});
  await clock.advance(8_000);
  faults = false;
  // Once nothing is disturbed any more, every task is done.
  await within(60_000, all);
  // What is removed behind the back of those who asked.
  await clock.advance(10_000);

  expect(violations).toEqual([]);
  expect(put.length).toBeGreaterThan(20);
  expect(new Set(acknowledged).size).toBe(acknowledged.length);
  const ask = async () => {
    const names = (await observer.children("/done")).map(({ name }) => name);
    const nodes = await Promise.all(names.map((name) => observer.get(`/done/${name}`)));
    const letters = await queue.deadLetters.list();
    return {
      done: nodes.map((node) => text(node?.data ?? new Uint8Array(0))),
      names,
      dead: letters.map(({ data }) => text(data)),
      marks: (await observer.children("/q/claims")).length,
    };
  };
  const { done, names, dead, marks } = await within(1_000, ask());
  // Each task is done once or was given up, and nothing else is there.
  const ends = counted([...done, ...dead]);
  expect([...ends.values()].filter((count) => count !== 1)).toEqual([]);
  expect(put.filter((data) => !ends.has(data))).toEqual([]);
  expect([...ends.keys()].filter((data) => !put.includes(data) && !perhaps.includes(data))).toEqual([]);
  expect(acknowledged.filter((id) => !names.includes(id))).toEqual([]);
  expect(marks).toBe(0);
  if (options.maxAttempts === undefined) expect(dead).toEqual([]);
});
