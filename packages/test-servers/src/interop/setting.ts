import { setTimeout as sleep } from "node:timers/promises";
import type { Coordinator } from "@conclave/api";
import type { ChildHandle } from "../spawn-node.js";
import type { ForeignProcess } from "./lines.js";

/** Sessions that nobody is to lose, on a machine with other things to do. */
export const LONG_SESSION_MS = 8_000;
/** Sessions of those who are killed, so that the others need not wait long. */
export const SHORT_SESSION_MS = 2_000;

/** What the shared cases need of one store and one foreign program. */
export interface InteropSetting {
  /** Of our coordinators: the foreign program knows paths of the store alone. */
  readonly namespace: string;
  /** A coordinator that is closed after the test. */
  connect(sessionTimeoutMs?: number): Promise<Coordinator>;
  /** The foreign program, one process for all tests, with long sessions. */
  foreign(): ForeignProcess;
  /** One with short sessions, to be killed. */
  mortalForeign(): ForeignProcess;
  /** A process of ours, to be killed; its program is `runHolder`. */
  mortalOwn(): ChildHandle;
  /** What else the foreign program is told with each acquisition. */
  readonly extra: readonly string[];
}

let paths = 0;

/** A path that no other case uses. */
export function freshPath(): string {
  paths += 1;
  return `/line-${process.pid}-${paths}`;
}

/** Until the condition holds. */
export async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 15_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`it never came to be that ${what}`);
    await sleep(10);
  }
}

/** Whether a promise has settled, as it can be told once what is under way has been dealt with. */
export async function settle(promise: Promise<unknown>): Promise<"pending" | "settled"> {
  const settled = promise.then(
    () => "settled" as const,
    () => "settled" as const,
  );
  return Promise.race([settled, sleep(50).then(() => "pending" as const)]);
}
