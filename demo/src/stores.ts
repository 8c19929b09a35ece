import type { Coordinator } from "@conclave/api";
import { connect } from "@conclave/api";
import type { Backend } from "@conclave/api/backend";
import { startServer } from "@conclave/test-servers";
import type { BackendName } from "./options.js";

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

/** The one place that knows which package is for which store; only the one that is needed is loaded. */
export async function backendAt({ backend, url }: Pick<StoreAddress, "backend" | "url">): Promise<Backend> {
  const hosts = url.split(",");
  switch (backend) {
    case "zookeeper":
      return (await import("@conclave/backend-zookeeper")).zookeeper({ hosts });
    case "etcd":
      return (await import("@conclave/backend-etcd")).etcd({ hosts });
    case "redis":
      return (await import("@conclave/backend-redis")).redis({ hosts });
  }
}

export async function connectTo(address: StoreAddress): Promise<Coordinator> {
  return connect(await backendAt(address), {
    namespace: address.namespace,
    sessionTimeoutMs: sessionTimeoutMs[address.backend],
  });
}

/** Deletes what the demo wrote into a store that stays. */
export async function removeTree(address: StoreAddress): Promise<void> {
  const within = await connectTo(address);
  const remove = async (path: string): Promise<void> => {
    for (const { name } of await within.children(path))
      await remove(path === "/" ? `/${name}` : `${path}/${name}`);
    if (path !== "/") await within.delete(path);
  };
  try {
    await remove("/");
  } finally {
    await within.close();
  }
  const above = await connectTo({ ...address, namespace: "/" });
  try {
    // Where namespaces are trees of their own, it is not seen from here.
    if (await above.exists(address.namespace)) await above.delete(address.namespace);
  } finally {
    await above.close();
  }
}
