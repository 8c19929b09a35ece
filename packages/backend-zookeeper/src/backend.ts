import {
  type Backend,
  type BackendSession,
  type Capabilities,
  ConclaveError,
  type OpenOptions,
  systemClock,
} from "@conclave/api/backend";
import { makeAncestors } from "./create.js";
import type { Driver } from "./driver.js";
import { isContactLost, reasonOf, toConclaveError } from "./errors.js";
import { Link } from "./link.js";
import { nativeDriver } from "./native-driver.js";
import { type Configuration, type DriverName, parseOptions, type ZooKeeperOptions } from "./options.js";
import { join, Namespace } from "./paths.js";
import { ZooKeeperSession } from "./session.js";
import { typescriptDriver } from "./typescript-driver.js";
import { Watches } from "./watch.js";

const CLOSE_AFTER_FAILURE_MS = 1_000;
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
  const firstHost = Math.floor(Math.random() * configuration.hosts.length);
  // Only reachable through the link, which is not open yet: nothing can fire before it exists.
  const link: Link = new Link(
    { driver, configuration, firstHost, syncPath: namespace.root },
    {
      disconnected: observer.disconnected,
      ended: observer.ended,
      reconnected: () => watches.reconnected(),
      fired: (kind, path) => watches.fired(kind, path),
      happened: (directory, event) => watches.happened(directory, event),
    },
  );
  const watches = new Watches(link, namespace);
  const openedAtMs = systemClock.now();
  const granted = await link.open(options);
  await prepare(link, namespace, options.signal);
  return new ZooKeeperSession({ granted, openedAtMs, clock: systemClock, link, namespace, watches });
}

/** Makes the namespace, and has the session begin with all that was acknowledged before. Ends it on failure. */
async function prepare(link: Link, namespace: Namespace, signal: AbortSignal): Promise<void> {
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
    const [, stat] = await Promise.all([synced, connection.exists(namespace.root, { watch: false })]);
    if (stat === undefined) await makeAncestors(connection, join(namespace.root, "child"));
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
