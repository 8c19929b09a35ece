import type { Coordinator } from "@conclave/api";
import { connect } from "@conclave/api";
import { type BackendName, backendAt } from "@conclave/examples/stores";
import { startServer } from "@conclave/test-servers";

export type ServerBackendName = Exclude<BackendName, "memory">;

/** How to reach a store from any process. */
export interface StoreAddress {
  readonly backend: ServerBackendName;
  readonly url: string;
  readonly namespace: string;
}

export interface RunningStore {
  readonly url: string;
  /** As shown to people. */
  readonly label: string;
  /** Whether it was there before, and stays. */
  readonly isForeign: boolean;
  stop(): Promise<void>;
}

/** What is asked for; the store may grant more. */
export const sessionTimeoutMs = { memory: 1_000, zookeeper: 2_000, etcd: 2_000, redis: 2_000 } as const;

/**
 * How long a store may take, beyond the session timeout, to notice a death and let the next one lead. In memory nothing
 * but this process's own delays. ZooKeeper rounds expiry up to its next tick, of which a timeout has at least two. etcd
 * looks for leases to revoke every half second. On Redis whoever watches ends what is due within a quarter of a second; the rest is
 * for a machine that is busy.
 */
export function expiryBoundMs(backend: BackendName, timeoutMs: number): number {
  switch (backend) {
    case "memory":
      return 500;
    case "zookeeper":
      return timeoutMs / 2 + 500;
    case "etcd":
      return 1_500;
    case "redis":
      return 1_000;
  }
}

export async function openStore(backend: ServerBackendName, url: string | undefined): Promise<RunningStore> {
  if (url !== undefined) return { url, label: `${backend} at ${url}`, isForeign: true, stop: async () => {} };
  const server = await startServer(backend);
  return {
    url: server.url,
    label: `${backend} ${server.version} at ${server.url}`,
    isForeign: server.control === undefined,
    stop: () => server.stop(),
  };
}

export async function connectTo(address: StoreAddress): Promise<Coordinator> {
  return connect(await backendAt(address.backend, address.url), {
    namespace: address.namespace,
    sessionTimeoutMs: sessionTimeoutMs[address.backend],
  });
}
