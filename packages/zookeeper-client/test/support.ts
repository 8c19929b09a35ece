import { type FaultProxy, startProxy, type TestServer } from "@conclave/test-servers";
import {
  type Client,
  type ClientOptions,
  type Connection,
  type ConnectionOptions,
  connect,
  openConnection,
  type StreamEvent,
  type WatchEvent,
} from "@conclave/zookeeper-client";
import { onTestFinished, vi } from "vitest";

export const SESSION_TIMEOUT_MS = 4_000;

export interface Opened {
  readonly connection: Connection;
  readonly events: WatchEvent[];
  readonly acknowledged: number[];
  readonly ends: unknown[];
}

/** Opens a connection that is dropped at the end of the test, if not before. */
export async function open(
  server: { readonly host: string; readonly port: number },
  options: Partial<ConnectionOptions> = {},
): Promise<Opened> {
  const events: WatchEvent[] = [];
  const acknowledged: number[] = [];
  const ends: unknown[] = [];
  const connection = await openConnection({
    host: server.host,
    port: server.port,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    observer: {
      event: (event) => events.push(event),
      acknowledged: (sentAtMs) => acknowledged.push(sentAtMs),
      closed: (cause) => ends.push(cause),
    },
    ...options,
  });
  onTestFinished(() => connection.drop());
  return { connection, events, acknowledged, ends };
}

/** Opens a client that is closed at the end of the test. */
export async function openClient(servers: string, options: Partial<ClientOptions> = {}): Promise<Client> {
  const client = await connect({ servers, sessionTimeoutMs: SESSION_TIMEOUT_MS, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** A proxy that can cut and refuse connections, until the end of the test. */
export async function proxied(server: TestServer): Promise<FaultProxy> {
  const proxy = await startProxy({ target: server });
  onTestFinished(() => proxy.close());
  return proxy;
}

/** The next events of a stream, fewer if it ends. */
export async function take(
  stream: AsyncIterator<StreamEvent>,
  count: number,
): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  while (events.length < count) {
    const { value, done } = await stream.next();
    if (done === true) break;
    events.push(value);
  }
  return events;
}

/** What is thrown past all callers while `run` is under way. */
export async function uncaughtBy(run: () => Promise<void>): Promise<readonly unknown[]> {
  const thrown: unknown[] = [];
  const catchAll = (error: unknown): void => void thrown.push(error);
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", catchAll);
  try {
    await run();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("uncaughtException", catchAll);
    for (const listener of before) process.on("uncaughtException", listener);
  }
  return thrown;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export const nothing = new Uint8Array(0);

export function shown(events: readonly WatchEvent[]): readonly string[] {
  return events.map(({ type, path }) => `${type} ${path}`);
}

/** Waits for what comes at once on an idle machine. */
export async function until(condition: () => unknown): Promise<void> {
  await vi.waitUntil(condition, { timeout: 10_000, interval: 5 });
}
