import type { Coordinator } from "@conclave/api";
import { median, quantile, windowOf } from "../measure.js";
import { type Arguments, open, openAll } from "./arguments.js";
import { emit } from "./result.js";

const connections = 5;

/** From the writer's acknowledgement to the last of all watchers having the new value. */
export async function watchFanout(given: Arguments): Promise<void> {
  const { base, clients, seconds } = given;
  const key = `${base}/key`;
  const writer = await open(given);
  await writer.create(key, "0", { parents: true });
  const watching = await openAll(given, connections);
  const arrivals = new Arrivals(clients);
  const first = arrivals.of(0);
  for (let i = 0; i < clients; i += 1) void follow(watching[i % connections] ?? writer, key, arrivals);
  await first;

  const fromAckMs: number[] = [];
  const fromStartMs: number[] = [];
  const window = windowOf(seconds * 1_000);
  for (let n = 1; performance.now() < window.endMs; n += 1) {
    const arrived = arrivals.of(n);
    const startMs = performance.now();
    await writer.set(key, String(n).padEnd(64));
    const ackMs = performance.now();
    const endMs = await arrived;
    if (ackMs < window.startMs) continue;
    fromAckMs.push(endMs - ackMs);
    fromStartMs.push(endMs - startMs);
  }
  emit(median(fromAckMs), "ms", fromAckMs, {
    from_write_start_p50_ms: median(fromStartMs),
    from_write_start_p99_ms: quantile(fromStartMs, 0.99),
  });
  for (const coordinator of watching) await coordinator.close();
  await writer.delete(key);
  await writer.delete(base);
  await writer.close();
}

async function follow(coordinator: Coordinator, key: string, arrivals: Arrivals): Promise<void> {
  try {
    for await (const node of coordinator.watch(key)) {
      if (node !== undefined) arrivals.saw(Number(Buffer.from(node.data).toString()));
    }
  } catch {
    // The coordinator was closed: the run is over.
  }
}

/** Tells when all watchers have seen a number. */
class Arrivals {
  readonly #watchers: number;
  #awaited = Number.NaN;
  #left = 0;
  #all: (atMs: number) => void = () => {};

  constructor(watchers: number) {
    this.#watchers = watchers;
  }

  of(n: number): Promise<number> {
    this.#awaited = n;
    this.#left = this.#watchers;
    return new Promise((resolve) => {
      this.#all = resolve;
    });
  }

  saw(n: number): void {
    if (n !== this.#awaited) return;
    this.#left -= 1;
    if (this.#left === 0) this.#all(performance.now());
  }
}
