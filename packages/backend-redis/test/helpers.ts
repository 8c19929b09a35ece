import {
  type BackendSession,
  type Child,
  type ChildNode,
  type ChildNodesSink,
  ConclaveError,
  type CreateOperation,
  type Node,
  type SessionObserver,
} from "@conclave/api/backend";
import { type RedisOptions, redis } from "@conclave/backend-redis";
import { type FaultProxy, startProxy, startRedis, type TestServer } from "@conclave/test-servers";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, vi } from "vitest";

/** Looks at whoever is directly ahead. */
export const nearest = { label: undefined, limit: 1 };
export const linearizable = { linearizable: true };

export interface Facts extends SessionObserver {
  readonly disconnections: unknown[];
  readonly ends: unknown[];
}

export function facts(): Facts {
  const disconnections: unknown[] = [];
  const ends: unknown[] = [];
  return {
    disconnections,
    ends,
    disconnected: (cause) => void disconnections.push(cause),
    ended: (cause) => void ends.push(cause),
  };
}

export interface Opened {
  readonly session: BackendSession;
  readonly facts: Facts;
}

export interface Setting {
  readonly server: TestServer<"redis">;
  readonly proxy: FaultProxy;
  /** A namespace of the current test's own. */
  readonly namespace: string;
  open(options?: OpenSettings): Promise<Opened>;
  keepAlive(session: BackendSession): void;
}

export interface OpenSettings {
  readonly through?: "proxy";
  readonly namespace?: string;
  readonly sessionTimeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly options?: Partial<RedisOptions>;
}

/** One Redis and one proxy for a file; one namespace and all sessions closed for each test. */
export function setUp(
  start: () => Promise<TestServer<"redis">> = () =>
    startRedis({ controllable: true, appendonly: "everysec" }),
) {
  let server: TestServer<"redis"> | undefined;
  let proxy: FaultProxy | undefined;
  let tests = 0;
  const opened: BackendSession[] = [];
  const renewals = new Set<() => void>();

  beforeAll(async () => {
    server = await start();
    proxy = await startProxy({ target: server });
  }, 60_000);
  afterEach(async () => {
    for (const stop of renewals) stop();
    renewals.clear();
    proxy?.heal();
    await proxy?.accept();
    for (const session of opened.splice(0)) await session.close();
    tests++;
  });
  afterAll(async () => {
    await proxy?.close();
    await server?.stop();
  });

  const setting: Setting = {
    get server() {
      if (server === undefined) throw new Error("not started");
      return server;
    },
    get proxy() {
      if (proxy === undefined) throw new Error("not started");
      return proxy;
    },
    get namespace() {
      return `/test-${process.pid}-${tests}`;
    },
    async open(options = {}) {
      const seen = facts();
      const hosts = options.through === "proxy" ? setting.proxy.url : setting.server.url;
      const session = await redis({ hosts, ...options.options }).open({
        namespace: options.namespace ?? setting.namespace,
        sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
        connectTimeoutMs: 10_000,
        signal: options.signal ?? new AbortController().signal,
        observer: seen,
      });
      opened.push(session);
      return { session, facts: seen };
    },
    /** Renews as the session machinery would, until the test ends. */
    keepAlive(session) {
      const every = session.timeoutMs / 5;
      const renew = (): void => void session.renew(every).catch(() => {});
      const timer = setInterval(renew, every);
      renewals.add(() => clearInterval(timer));
    },
  };
  return setting;
}

export function create(path: string, more: Partial<CreateOperation> = {}): CreateOperation {
  return {
    type: "create",
    path,
    data: new Uint8Array(),
    ephemeral: false,
    sequential: false,
    parents: false,
    ...more,
  };
}

export function set(path: string, data = "", ifVersion?: number) {
  return { type: "set", path, data: bytes(data), ifVersion } as const;
}

export function remove(path: string, ifVersion?: number) {
  return { type: "delete", path, ifVersion } as const;
}

export function check(path: string, exists = true, ifVersion?: number) {
  return { type: "check", path, exists, ifVersion } as const;
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(node: Node | undefined): string | undefined {
  return node === undefined ? undefined : new TextDecoder().decode(node.data);
}

export async function errorOf(call: Promise<unknown>): Promise<ConclaveError> {
  const error = await call.then(
    (value) => new Error(`resolved with ${String(value)}`),
    (failure: unknown) => failure,
  );
  if (!ConclaveError.is(error)) throw error;
  return error;
}

/** Until the condition holds; a condition that throws does not hold yet. */
export function eventually<T>(condition: () => T | Promise<T>, timeoutMs = 10_000): Promise<T> {
  return vi.waitFor(condition, { timeout: timeoutMs, interval: 10 });
}

/** Names, or undefined, as the sink has told so far. */
export class Listing implements ChildNodesSink {
  names: Map<string, string | undefined> | undefined;
  snapshots = 0;
  changes = 0;
  failures: Error[] = [];

  snapshot(children: readonly (Child | ChildNode)[] | undefined): void {
    this.snapshots++;
    this.names =
      children &&
      new Map(children.map((child) => [child.name, "node" in child ? text(child.node) : undefined]));
  }

  changed(child: Child | ChildNode): void {
    this.changes++;
    expect(this.names, "a change needs a snapshot before").toBeDefined();
    this.names?.set(child.name, "node" in child ? text(child.node) : undefined);
  }

  removed(name: string): void {
    this.changes++;
    expect(this.names?.delete(name), `${name} was there`).toBe(true);
  }

  failed(error: Error): void {
    this.failures.push(error);
  }
}

/** Runs commands at the server itself, beside the backend. */
export async function direct<T>(url: string, run: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { enableReadyCheck: false, disableClientInfo: true });
  try {
    return await run(client);
  } finally {
    client.disconnect();
  }
}
