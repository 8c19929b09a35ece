import {
  type Backend,
  type BackendSession,
  type Capabilities,
  ConclaveError,
  type OpenOptions,
  systemClock,
} from "@conclave/api/backend";
import { makeAncestors } from "./create.js";
import type { Connection, Driver } from "./driver.js";
import { isContactLost, reasonOf, toConclaveError } from "./errors.js";
import { Link } from "./link.js";
import { nativeDriver } from "./native-driver.js";
import { type Configuration, type DriverName, parseOptions, type ZooKeeperOptions } from "./options.js";
import { join, Namespace } from "./paths.js";
import { ZooKeeperSession } from "./session.js";
import { typescriptDriver } from "./typescript-driver.js";
import { Watches } from "./watch.js";

const CLOSE_AFTER_FAILURE_MS = 1_000;
const CONFIGURATION = "/zookeeper/config";
const drivers: Readonly<Record<DriverName, Driver>> = { native: nativeDriver, typescript: typescriptDriver };

/** By what each driver can do. */
const capabilities: Readonly<Record<DriverName, Capabilities>> = {
  typescript: { transactions: true, guardedWrites: "transaction", fencing: "strict", durable: true },
  native: { transactions: false, guardedWrites: "session", fencing: "strict", durable: true },
};

/**
 * Apache ZooKeeper 3.5 or later, through `@conclave/zookeeper-client`, or with `driver: "native"` through the npm package
 * `zookeeper`, which then has to be installed beside this one and is compiled at install.
 *
 * Sessions, ephemeral nodes, versions, sequences, transactions and watches are ZooKeeper's own. Reads may be stale unless
 * `linearizable`. Not guaranteed with the native driver: transactions (the package lacks `multi`), and that a guarded write is
 * judged in one step with its guard (see `capabilities`).
 *
 * Throws `INVALID_ARGUMENT` at once for wrong or unknown options.
 */
export function zookeeper(options: ZooKeeperOptions): Backend {
  const configuration = parseOptions(options);
  return {
    name: "zookeeper",
    capabilities: capabilities[configuration.driver],
    clock: systemClock,
    open: (openOptions) => open(drivers[configuration.driver], configuration, openOptions),
  };
}

async function open(
  driver: Driver,
  configuration: Configuration,
  { namespace: root, observer, ...options }: OpenOptions,
): Promise<BackendSession> {
  const namespace = new Namespace(root);
  let session: ZooKeeperSession | undefined;
  // Only reachable through the link, which is not open yet: nothing can fire before it exists.
  const link: Link = new Link(
    { driver, configuration, syncPath: namespace.root },
    {
      disconnected: observer.disconnected,
      ended: observer.ended,
      reconnected: () => session?.reconnected(),
      fired: (kind, path) => watches.fired(kind, path),
      happened: (directory, event) => watches.happened(directory, event),
    },
  );
  const watches = new Watches(link, namespace);
  const openedAtMs = systemClock.now();
  const granted = await link.open(options);
  const { isEnsemble } = await prepare(link, namespace, options.signal);
  session = new ZooKeeperSession({
    ...{ granted, openedAtMs, clock: systemClock },
    ...{ link, namespace, watches, isEnsemble },
  });
  return session;
}

/** Makes the namespace, and has the session begin with all that was acknowledged before. Ends it on failure. */
async function prepare(
  link: Link,
  namespace: Namespace,
  signal: AbortSignal,
): Promise<{ readonly isEnsemble: boolean }> {
  const connection = link.require("/");
  const stop = (): void => {
    // Not waited for: the caller wants to go on.
    connection.closeSession(CLOSE_AFTER_FAILURE_MS).catch(() => {});
    link.abandon(new ConclaveError("CLOSED", "the session was not opened"), { keepConnection: true });
  };
  signal.addEventListener("abort", stop);
  try {
    if (signal.aborted) stop();
    const synced = connection.sync(namespace.root);
    const [, stat, isEnsemble] = await Promise.all([
      synced,
      connection.exists(namespace.root, { watch: false }),
      isServedByEnsemble(connection),
    ]);
    if (stat === undefined) await makeAncestors(connection, join(namespace.root, "child"));
    return { isEnsemble };
  } catch (error) {
    if (signal.aborted) {
      throw new ConclaveError("ABORTED", "opening the session was aborted", { cause: error });
    }
    stop();
    if (isContactLost(error)) {
      throw new ConclaveError("CONNECT_FAILED", `no session at ZooKeeper: ${reasonOf(error)}`, {
        cause: error,
      });
    }
    throw toConclaveError(error, "/");
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/**
 * Members of an ensemble have its configuration in this node; a server that stands alone has the node and nothing in it. Before
 * 3.5 there is none, and it may be forbidden to read: then it may be either.
 */
async function isServedByEnsemble(connection: Connection): Promise<boolean> {
  try {
    const configuration = await connection.get(CONFIGURATION, { watch: false });
    return configuration === undefined || configuration.data.length > 0;
  } catch (error) {
    if (isContactLost(error)) throw error;
    return true;
  }
}
