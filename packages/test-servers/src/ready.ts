import { setTimeout as delay } from "node:timers/promises";
import type { Exit } from "./process.js";

interface Probe {
  probe(url: string, timeoutMs: number): Promise<string>;
}

const PROBE_TIMEOUT_MS = 2_000;
const PROBE_INTERVAL_MS = 25;

/** Probes until the server answers a real request; resolves to its version. Fails early when its process ends. */
export async function waitUntilReady(
  kind: Probe,
  url: string,
  timeoutMs: number,
  ended: () => Exit | undefined = () => undefined,
): Promise<string> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const exit = ended();
    if (exit !== undefined) throw new Error(`it ended with ${exit.signal ?? `code ${exit.code}`}`);
    try {
      const version = await kind.probe(url, PROBE_TIMEOUT_MS);
      // Somebody else's server may have answered on a port that ours could not get.
      await delay(0);
      if (ended() === undefined) return version;
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`not ready within ${timeoutMs} ms: ${describe(error)}`);
      }
    }
    await delay(PROBE_INTERVAL_MS);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
