import { setTimeout as delay } from "node:timers/promises";
import type { ManagedProcess } from "./process.js";

interface Probe {
  probe(url: string, timeoutMs: number): Promise<string>;
}

/** The process that is to answer, where it is ours. */
export interface Expected {
  readonly process: ManagedProcess;
  /** Whether it is this process that answers, and not another server that has taken its port. */
  answers(): Promise<boolean>;
}

const PROBE_TIMEOUT_MS = 2_000;
const PROBE_INTERVAL_MS = 25;

/** Probes until the server answers a real request; resolves to its version. Rejects early when its process ends. */
export async function waitUntilReady(
  kind: Probe,
  url: string,
  timeoutMs: number,
  expected?: Expected,
): Promise<string> {
  const giveUp = new AbortController();
  const ended = expected?.process.exit.then(({ code, signal }) => {
    throw new Error(`it ended with ${signal ?? `code ${code}`}`);
  });
  const ready = poll(kind, url, timeoutMs, expected, giveUp.signal);
  try {
    return await (ended === undefined ? ready : Promise.race([ready, ended]));
  } finally {
    giveUp.abort();
    // The loser of the race; its rejection has nobody to tell.
    ready.catch(() => {});
    ended?.catch(() => {});
  }
}

async function poll(
  kind: Probe,
  url: string,
  timeoutMs: number,
  expected: Expected | undefined,
  signal: AbortSignal,
): Promise<string> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      const version = await kind.probe(url, PROBE_TIMEOUT_MS);
      if (expected === undefined || (await expected.answers())) return version;
      throw new Error("another server answers on its port");
    } catch (error) {
      if (performance.now() > deadline)
        throw new Error(`not ready within ${timeoutMs} ms: ${describe(error)}`);
    }
    await delay(PROBE_INTERVAL_MS, undefined, { signal });
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
