import type {
  BackendSession,
  Child,
  ChildrenSink,
  CreateOperation,
  DeleteOperation,
  Node,
  NodeSink,
  SetOperation,
} from "@conclave/api/backend";
import { type DriverName, type ZooKeeperOptions, zookeeper } from "@conclave/backend-zookeeper";
import { onTestFinished } from "vitest";

export const SESSION_TIMEOUT_MS = 2_000;

let driver: DriverName = "typescript";

/** Has what this file's tests open use another driver. Tests of both drivers run once more in `native.test.ts`. */
export function useDriver(name: DriverName): void {
  driver = name;
}

export function usedDriver(): DriverName {
  return driver;
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

/** As who holds alone looks: at the one directly ahead. */
export const nearest = { label: undefined, limit: 1 } as const;

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(data: Uint8Array | undefined): string {
  return new TextDecoder().decode(data);
}

export function create(path: string, options: Partial<CreateOperation> = {}): CreateOperation {
  return {
    type: "create",
    path,
    data: bytes(""),
    ephemeral: false,
    sequential: false,
    parents: false,
    ...options,
  };
}

export function set(path: string, value: string): SetOperation {
  return { type: "set", path, data: bytes(value), ifVersion: undefined };
}

export function remove(path: string): DeleteOperation {
  return { type: "delete", path, ifVersion: undefined };
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
