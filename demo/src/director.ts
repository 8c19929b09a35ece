import type { Evidence, StoreContents } from "./checks.js";
import { director, type Entry, type EntryOf, type Life, machineNowMs } from "./facts.js";
import type { History } from "./history.js";
import { decodeResult, decodeText, paths } from "./layout.js";
import { ensureNode } from "./repeatable.js";
import type { Runner } from "./runner.js";

export interface Story {
  readonly runner: Runner;
  readonly history: History;
  readonly workers: number;
  readonly tasks: number;
  /** Ends the story early: it rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

export type StoryEvidence = Omit<Evidence, "expiryBoundMs">;

/** How long each step may take before the story is given up: far more than any should. */
const stepTimeoutMs = 30_000;

/** Lets the story happen, and returns what there is to judge it by. */
export async function direct(story: Story): Promise<StoryEvidence> {
  const { runner, history, workers } = story;
  const names = Array.from({ length: workers }, (_, index) => `worker-${index + 1}`);
  const tasks = Array.from({ length: story.tasks }, (_, index) => `task-${index + 1}`);
  const half = Math.ceil(tasks.length / 2);

  history.add({ ...director, type: "opened", workers: names, atMs: machineNowMs() });
  await Promise.all(names.map((name) => runner.start(name)));
  await wait(story, "a leader that sees all workers", isSees(names, 0));

  await publish(story, tasks.slice(0, half));
  const doomed = await leaderAtWork(story, half);
  await runner.kill(doomed.worker);
  const killed: Entry = { worker: doomed.worker, life: doomed.life, type: "killed", atMs: machineNowMs() };
  history.add(killed);
  await wait(story, "another leader", isElectedAfter(killed.atMs));
  await results(story, half);

  const returnsAtMs = machineNowMs();
  await runner.start(doomed.worker);
  await wait(story, "a leader that sees the returned worker", isSees([doomed.worker], returnsAtMs));
  await wait(story, "the returned worker as a follower", isOfSecondLife("follows", doomed));
  await publish(story, tasks.slice(half));
  await results(story, tasks.length);
  await wait(story, "work by the returned worker", isOfSecondLife("done", doomed));

  const store = await readStore(runner);
  return { entries: [...history.entries], store, published: tasks };
}

function wait<E extends Entry>(
  { history, signal }: Story,
  what: string,
  matches: (entry: Entry) => entry is E,
): Promise<E> {
  return history.first(what, matches, { timeoutMs: stepTimeoutMs, signal });
}

async function publish({ runner, history }: Story, tasks: readonly string[]): Promise<void> {
  history.add({ ...director, type: "published", tasks, atMs: machineNowMs() });
  for (const task of tasks) await ensureNode(runner.coordinator, paths.task(task), `the text of ${task}`);
}

/** Waits until the leader has just begun a task, which it will leave unfinished; not its first, where there are enough. */
function leaderAtWork(story: Story, published: number): Promise<Life> {
  const { entries } = story.history;
  const resultsBefore = published >= 3 * story.workers ? 1 : 0;
  return wait(story, "a leader at work", (entry): entry is EntryOf<"took"> => {
    if (entry.type !== "took") return false;
    const leader = entries.findLast(({ type }) => type === "elected");
    const finished = entries.filter((past): past is EntryOf<"done"> => past.type === "done");
    const isUnfinished = finished.every(({ task }) => task !== entry.task);
    return entry.worker === leader?.worker && isUnfinished && finished.length >= resultsBefore;
  });
}

/** Waits until the store holds so many results: what a worker says counts for nothing here. */
async function results({ runner, signal }: Story, count: number): Promise<void> {
  const limit = AbortSignal.timeout(stepTimeoutMs);
  const either = AbortSignal.any([signal, limit]);
  for await (const children of runner.coordinator.watchChildren(paths.done, { signal: either })) {
    if ((children ?? []).length >= count) return;
  }
  signal.throwIfAborted();
  throw new Error(`waited ${stepTimeoutMs} ms in vain: ${count} results in the store`);
}

async function readStore({ coordinator }: Runner): Promise<StoreContents> {
  const tasks = new Map<string, string>();
  const found = new Map<string, ReturnType<typeof decodeResult>>();
  const linearizable = { linearizable: true };
  for (const { name } of await coordinator.children(paths.tasks, linearizable)) {
    const node = await coordinator.get(paths.task(name), linearizable);
    if (node !== undefined) tasks.set(name, decodeText(node.data));
  }
  for (const { name } of await coordinator.children(paths.done, linearizable)) {
    const node = await coordinator.get(paths.result(name), linearizable);
    if (node !== undefined) found.set(name, decodeResult(node.data));
  }
  const leader = await coordinator.election(paths.election).leader();
  return { tasks, results: found, leaderToken: leader?.token };
}

function isSees(names: readonly string[], sinceMs: number) {
  return (entry: Entry): entry is EntryOf<"sees"> =>
    entry.type === "sees" && entry.atMs >= sinceMs && names.every((name) => entry.workers.includes(name));
}

function isElectedAfter(atMs: number) {
  return (entry: Entry): entry is EntryOf<"elected"> => entry.type === "elected" && entry.atMs > atMs;
}

function isOfSecondLife<Type extends "follows" | "done">(type: Type, first: Life) {
  return (entry: Entry): entry is EntryOf<Type> =>
    entry.type === type && entry.worker === first.worker && entry.life > first.life;
}
