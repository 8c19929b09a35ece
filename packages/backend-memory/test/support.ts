import type {
  BackendSession,
  CreateOperation,
  DeleteOperation,
  Node,
  Operation,
  SetOperation,
} from "@conclave/api/backend";
import { type MemoryBackend, MemoryCluster, memory, VirtualClock } from "@conclave/backend-memory";

export const linearizable = { linearizable: true } as const;

/** A cluster on virtual time, and its clock. */
export function virtualCluster(): { clock: VirtualClock; cluster: MemoryCluster } {
  const clock = new VirtualClock();
  return { clock, cluster: new MemoryCluster({ clock }) };
}

/** An open session, with what its observer was told. */
export interface Opened {
  readonly backend: MemoryBackend;
  readonly session: BackendSession;
  readonly told: string[];
}

export interface OpenSettings {
  readonly cluster: MemoryCluster;
  readonly timeoutMs?: number;
  readonly namespace?: string;
}

export async function open(settings: OpenSettings): Promise<Opened> {
  const backend = memory({ cluster: settings.cluster });
  const told: string[] = [];
  const session = await backend.open({
    namespace: settings.namespace ?? "/",
    sessionTimeoutMs: settings.timeoutMs ?? 1000,
    connectTimeoutMs: 10_000,
    signal: new AbortController().signal,
    observer: { disconnected: () => told.push("disconnected"), ended: () => told.push("ended") },
  });
  return { backend, session, told };
}

/** As who holds alone looks: at the one directly ahead. */
export const nearest = { label: undefined, limit: 1 } as const;

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(node: Node | undefined): string | undefined {
  return node && new TextDecoder().decode(node.data);
}

export function create(path: string, options: Partial<CreateOperation> = {}): CreateOperation {
  const defaults = { data: bytes(""), ephemeral: false, sequential: false, parents: false };
  return { type: "create", path, ...defaults, ...options };
}

export function set(path: string, data: string, ifVersion?: number): SetOperation {
  return { type: "set", path, data: bytes(data), ifVersion };
}

export function del(path: string, ifVersion?: number): DeleteOperation {
  return { type: "delete", path, ifVersion };
}

/** Commits one operation. */
export function apply(session: BackendSession, operation: Operation) {
  return session.commit([operation], undefined);
}

/** The paths or contents that a watch on one node reported, `undefined` for no node. */
export function watchTexts(session: BackendSession, path: string): (string | undefined)[] {
  const seen: (string | undefined)[] = [];
  session.watchNode(path, {
    state: (node) => seen.push(text(node)),
    failed: (error) => {
      throw error;
    },
  });
  return seen;
}

/** What became of a promise so far. */
export function outcomeOf(promise: Promise<unknown>): { readonly now: () => unknown } {
  let outcome: unknown = "pending";
  promise.then(
    (value) => {
      outcome = value;
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  return { now: () => outcome };
}
