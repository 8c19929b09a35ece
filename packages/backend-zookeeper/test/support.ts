import type { BackendSession, Child, ChildrenSink, Node, NodeSink } from "@conclave/api/backend";
import { type DriverName, type ZooKeeperOptions, zookeeper } from "@conclave/backend-zookeeper";
import {
  addonMissing,
  type FaultProxy,
  startProxy,
  startZooKeeper,
  type TestServer,
} from "@conclave/test-servers";
import { afterAll, afterEach, beforeAll, beforeEach, onTestFinished, test, vi } from "vitest";

export { bytes, create, nearest, remove, set } from "@conclave/test-servers/spi";

export const SESSION_TIMEOUT_MS = 2_000;

let driver: DriverName = "typescript";

/** Has what this file's tests open use another driver. Tests of both drivers run once more in `native.test.ts`. */
export function useDriver(name: DriverName): void {
  driver = name;
}

export function usedDriver(): DriverName {
  return driver;
}

export interface ProxiedServer {
  readonly server: TestServer;
  readonly proxy: FaultProxy;
}

/** One server for the file, and a proxy before it for each test. */
export function setUpProxied(): ProxiedServer {
  let server: TestServer;
  let proxy: FaultProxy;
  beforeAll(async () => {
    server = await startZooKeeper();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    proxy = await startProxy({ target: server });
  });
  afterEach(() => proxy.close());
  return {
    get server() {
      return server;
    },
    get proxy() {
      return proxy;
    },
  };
}

/** The drivers of which something can be proven here. Called while tests are collected: their report says what can't. */
export function provableDrivers(): readonly DriverName[] {
  const missing = addonMissing();
  if (missing === undefined) return ["typescript", "native"];
  test.skip(`the native driver [not proven here: ${missing}]`, () => {});
  return ["typescript"];
}

/** A session and what was reported about it. */
export interface Opened {
  readonly session: BackendSession;
  readonly disconnections: unknown[];
  readonly ends: unknown[];
}

export interface OpenSessionOptions {
  readonly namespace?: string;
  readonly sessionTimeoutMs?: number;
  readonly driver?: DriverName;
  readonly store?: Omit<ZooKeeperOptions, "hosts" | "driver">;
}

/** Opens a session that is given up at the end of the test, if not before. */
export async function openSession(hosts: string, options: OpenSessionOptions = {}): Promise<Opened> {
  const disconnections: unknown[] = [];
  const ends: unknown[] = [];
  const session = await zookeeper({ hosts, driver: options.driver ?? driver, ...options.store }).open({
    namespace: options.namespace ?? "/test",
    sessionTimeoutMs: options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS,
    connectTimeoutMs: 10_000,
    signal: new AbortController().signal,
    observer: { disconnected: (cause) => disconnections.push(cause), ended: (cause) => ends.push(cause) },
  });
  onTestFinished(() => session.abandon());
  return { session, disconnections, ends };
}

export function text(data: Uint8Array | undefined): string {
  return new TextDecoder().decode(data);
}

/** Collects what a watch of one node reports. */
export function collect(): NodeSink & { readonly states: (Node | undefined)[]; readonly failures: Error[] } {
  const states: (Node | undefined)[] = [];
  const failures: Error[] = [];
  return { states, failures, state: (node) => states.push(node), failed: (error) => failures.push(error) };
}

/** Collects what a watch of children reports, and what it comes to; `undefined` while the parent is missing. */
export interface ChildrenCollected<C extends Child> extends ChildrenSink<C> {
  readonly view: ReadonlyMap<string, C> | undefined;
  /** `snapshot`, `+name` and `-name`. */
  readonly log: readonly string[];
  readonly failures: readonly Error[];
}

export function collectChildren<C extends Child>(): ChildrenCollected<C> {
  const log: string[] = [];
  const failures: Error[] = [];
  let view: Map<string, C> | undefined;
  return {
    log,
    failures,
    get view() {
      return view;
    },
    snapshot(children) {
      log.push("snapshot");
      view = children && new Map(children.map((child) => [child.name, child]));
    },
    changed(child) {
      log.push(`+${child.name}`);
      view?.set(child.name, child);
    },
    removed(name) {
      log.push(`-${name}`);
      view?.delete(name);
    },
    failed: (error) => failures.push(error),
  };
}

/** Waits for what comes at once on an idle machine. */
export async function until(condition: () => unknown): Promise<void> {
  await vi.waitUntil(condition, { timeout: 10_000, interval: 5 });
}
