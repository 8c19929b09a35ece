import { expect, test } from "vitest";
import type { Entry } from "../src/facts.js";
import { type Paint, paintFor, plain } from "../src/paint.js";
import { Timeline } from "../src/timeline.js";
import { goodEntries } from "./histories.js";

function told(entries: readonly Entry[], paint: Paint = plain): string[] {
  const lines: string[] = [];
  const timeline = new Timeline({ paint, print: (line) => lines.push(line), startMs: 0 });
  for (const entry of entries) timeline.add(entry);
  timeline.flush();
  return lines.map((line) => line.trimEnd());
}

test("tells a history in order, and marks the leader", () => {
  expect(told([published(["task-a", "task-b", "task-c"]), ...goodEntries])).toEqual([
    "  0.00 s    director   publishes 3 tasks",
    "  0.01 s  ★ one        is elected leader, fencing token 5",
    "  0.02 s  ★ one        hands out  one #a, two #b",
    "  0.09 s               results    two #b  1 of 3 done",
    "  0.10 s    director   kills the leader, one: no resignation, no goodbye; its session has to run out",
    "  1.05 s  ★ two        is elected leader, fencing token 9, 0.95 s after the death of the last",
    "  1.06 s  ★ two        hands a of the dead one out again, to two",
    "  1.10 s               results    two #a  2 of 3 done",
    "  1.20 s    one        comes back: started again under its old name",
    "  1.21 s    one        follows two",
    "  1.22 s  ★ two        hands out  one #c",
    "  1.30 s               results    one #c  3 of 3 done",
  ]);
});

test("long lists are cut short", () => {
  const workers = Array.from({ length: 20 }, (_, index) => `worker-${index + 1}`);
  const [line] = told([{ worker: "director", life: 1, atMs: 0, type: "opened", workers }]);
  expect(line).toMatch(/worker-8 and 12 more$/);
});

test("a loss is told, a connection is not", () => {
  const session = { worker: "one", life: 1, atMs: 0, type: "session", timeoutMs: 1 } as const;
  expect(told([{ ...session, state: "connected" }])).toEqual([]);
  expect(told([{ ...session, state: "lost" }])).toEqual(["  0.00 s    one        session lost"]);
});

test("colour only for a terminal that wants it", () => {
  const colourCode = "\u001b[";
  const red = (isTTY: boolean, environment: Record<string, string>) =>
    paintFor({ isTTY }, environment)("red", "text").includes(colourCode);
  expect(red(true, {})).toBe(true);
  expect(red(true, { NO_COLOR: "" })).toBe(true);
  expect(red(true, { NO_COLOR: "1" })).toBe(false);
  expect(red(true, { TERM: "dumb" })).toBe(false);
  expect(red(false, {})).toBe(false);
});

function published(tasks: readonly string[]): Entry {
  return { worker: "director", life: 1, atMs: 0, type: "published", tasks };
}
