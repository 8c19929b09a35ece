import type { Evidence } from "../src/checks.js";
import type { Entry } from "../src/facts.js";
import { expectedResult } from "../src/task.js";

/** A short history in which everything went well: one leads and dies, two takes over, one comes back. */
export const goodEntries: readonly Entry[] = [
  { worker: "one", life: 1, atMs: 0, type: "session", state: "connected", timeoutMs: 1_000 },
  { worker: "one", life: 1, atMs: 10, type: "elected", token: 5n },
  { worker: "one", life: 1, atMs: 20, type: "assigned", task: "a", to: "one", from: undefined, token: 5n },
  { worker: "one", life: 1, atMs: 20, type: "assigned", task: "b", to: "two", from: undefined, token: 5n },
  { worker: "one", life: 1, atMs: 30, type: "took", task: "a" },
  { worker: "two", life: 1, atMs: 90, type: "done", task: "b" },
  { worker: "one", life: 1, atMs: 100, type: "killed" },
  { worker: "two", life: 1, atMs: 1_050, type: "elected", token: 9n },
  { worker: "two", life: 1, atMs: 1_060, type: "assigned", task: "a", to: "two", from: "one", token: 9n },
  { worker: "two", life: 1, atMs: 1_100, type: "done", task: "a" },
  { worker: "one", life: 2, atMs: 1_200, type: "started" },
  { worker: "one", life: 2, atMs: 1_210, type: "follows", leader: "two", token: 9n },
  { worker: "two", life: 1, atMs: 1_220, type: "assigned", task: "c", to: "one", from: undefined, token: 9n },
  { worker: "one", life: 2, atMs: 1_230, type: "took", task: "c" },
  { worker: "one", life: 2, atMs: 1_300, type: "done", task: "c" },
];

export const goodEvidence: Evidence = {
  entries: goodEntries,
  store: {
    tasks: new Map([
      ["a", "text a"],
      ["b", "text b"],
      ["c", "text c"],
    ]),
    results: new Map([
      ["a", { result: expectedResult("text a"), worker: "two", token: 9n }],
      ["b", { result: expectedResult("text b"), worker: "two", token: 5n }],
      ["c", { result: expectedResult("text c"), worker: "one", token: 9n }],
    ]),
    leaderToken: 9n,
  },
  published: ["a", "b", "c"],
  expiryBoundMs: 500,
};

/** The same history with other entries in the place of some. */
export function withEntries(
  evidence: Evidence,
  change: (entry: Entry) => Entry | readonly Entry[] | undefined,
): Evidence {
  return { ...evidence, entries: evidence.entries.flatMap((entry) => change(entry) ?? []) };
}

/** The same store with other results. */
export function withResults(
  evidence: Evidence,
  change: (results: Map<string, { result: string; worker: string; token: bigint }>) => void,
): Evidence {
  const results = new Map(evidence.store.results);
  change(results);
  return { ...evidence, store: { ...evidence.store, results } };
}
