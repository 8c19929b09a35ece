import type { ServiceView } from "@conclave/api";
import { each, median, windowOf } from "../measure.js";
import { type Arguments, open } from "./arguments.js";
import { receivedBytes } from "./received-bytes.js";
import { emit } from "./result.js";

const service = "svc";

/** One instance comes and goes: from the start of the write to a live view, on a connection of its own, showing it. */
export async function discoveryChurn(given: Arguments): Promise<void> {
  const { base, clients, seconds } = given;
  const serverPort = given.server.split(":").at(-1) ?? "";
  const reader = await open(given);
  const readerPorts = [...receivedBytes(serverPort).keys()];
  const bytesIn = () => {
    const now = receivedBytes(serverPort);
    return readerPorts.reduce((sum, port) => sum + (now.get(port) ?? 0), 0);
  };
  const writer = await open(given);
  const directory = writer.discovery(base);
  const register = (i: number) =>
    directory.register({ name: service, id: `instance-${i}`, address: "10.0.0.1", port: 1_000 + i });
  await each({ count: clients, width: 32 }, register);

  const view = await reader.discovery(base).view(service);
  const sizes = new Sizes(view);
  await sizes.becomes(clients);
  const samplesMs: number[] = [];
  const window = windowOf(seconds * 1_000);
  const before = bytesIn();
  let changes = 0;
  while (performance.now() < window.endMs) {
    const added = await timed(sizes.becomes(clients + 1), () => register(clients));
    const removed = await timed(sizes.becomes(clients), () => added.value.unregister());
    changes += 2;
    for (const { startMs, endMs } of [added, removed]) {
      if (startMs >= window.startMs) samplesMs.push(endMs - startMs);
    }
  }
  emit(median(samplesMs), "ms", samplesMs, { rx_bytes_per_change: (bytesIn() - before) / changes });
  view.close();
  await writer.close();
  await reader.delete(`${base}/${service}`).catch(() => {});
  await reader.delete(base).catch(() => {});
  await reader.close();
}

/** Starts a write; resolves when it is acknowledged and the view has shown it, with when that was. */
async function timed<T>(
  shown: Promise<number>,
  write: () => Promise<T>,
): Promise<{ startMs: number; endMs: number; value: T }> {
  const startMs = performance.now();
  const [endMs, value] = await Promise.all([shown, write()]);
  return { startMs, endMs, value };
}

/** Tells when the view has a number of instances. */
class Sizes {
  readonly #view: ServiceView;
  #awaited = Number.NaN;
  #reached: (atMs: number) => void = () => {};

  constructor(view: ServiceView) {
    this.#view = view;
    void this.#follow();
  }

  becomes(size: number): Promise<number> {
    if (this.#view.instances.length === size) return Promise.resolve(performance.now());
    this.#awaited = size;
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }

  async #follow(): Promise<void> {
    for await (const instances of this.#view) {
      if (instances.length === this.#awaited) this.#reached(performance.now());
    }
  }
}
