import { connect } from "@conclave/api";
import type { Backend } from "@conclave/api/backend";

export const backendNames = ["memory", "zookeeper", "etcd", "redis"] as const;

export type BackendName = (typeof backendNames)[number];

/**
 * The one place that knows which package is for which store; only the one that is needed is loaded. Without `url` it is a server on
 * this machine, at its usual port; several are separated by commas.
 */
export async function backendAt(name: BackendName, url = "127.0.0.1"): Promise<Backend> {
  const hosts = url.split(",");
  switch (name) {
    case "memory":
      return (await import("@conclave/backend-memory")).memory();
    case "zookeeper":
      return (await import("@conclave/backend-zookeeper")).zookeeper({ hosts });
    case "etcd":
      return (await import("@conclave/backend-etcd")).etcd({ hosts });
    case "redis":
      return (await import("@conclave/backend-redis")).redis({ hosts });
  }
}

/** Deletes all nodes of a namespace, and the namespace where it is a node itself. */
export async function removeTree(backend: Backend, namespace: string): Promise<void> {
  const within = await connect(backend, { namespace });
  const remove = async (path: string): Promise<void> => {
    for (const { name } of await within.children(path)) {
      await remove(path === "/" ? `/${name}` : `${path}/${name}`);
    }
    if (path !== "/") await within.delete(path);
  };
  try {
    await remove("/");
  } finally {
    await within.close();
  }
  const above = await connect(backend, { namespace: "/" });
  try {
    // Where namespaces are trees of their own, it is not seen from here.
    if (await above.exists(namespace)) await above.delete(namespace);
  } finally {
    await above.close();
  }
}
