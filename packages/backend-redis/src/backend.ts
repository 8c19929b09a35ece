import { randomBytes } from "node:crypto";
import {
  type Backend,
  type BackendSession,
  type Capabilities,
  ConclaveError,
  type OpenOptions,
  systemClock,
  unlessAborted,
  within,
} from "@conclave/api/backend";
import { Connection } from "./connection.js";
import { fromReply, reasonOf, replyCode } from "./errors.js";
import { baseKey } from "./keys.js";
import { checkOptions, type RedisConfig, type RedisOptions } from "./options.js";
import { numberAt } from "./replies.js";
import { Revisions } from "./revisions.js";
import { end, open } from "./scripts/index.js";
import { type Granted, RedisSession } from "./session.js";

/** How long an attempt that is given up may take to undo what it did at the store. */
const CLEANUP_MS = 1_000;
/** Of the time to connect: the rest is for reporting what failed. */
const SHARE_OF_CONNECT = 0.8;

/**
 * Conclave on Redis (6.2 or later): one server, a master kept by Sentinels, or a Cluster.
 *
 * All reads and writes go to the master. Namespaces are trees of their own: "/" does not contain "/shop". Whether acknowledged writes
 * can be lost depends on the server; see `persistence` and `capabilities`.
 *
 * @throws `INVALID_ARGUMENT` naming the option that is wrong; never with a password in the message.
 */
export function redis(options: RedisOptions): Backend {
  const config = checkOptions(options);
  const revisions = new Map<string, Revisions>();
  return {
    name: "redis",
    capabilities: capabilitiesOf(config),
    clock: systemClock,
    open(open) {
      const known = revisions.get(open.namespace) ?? new Revisions();
      revisions.set(open.namespace, known);
      return openSession(config, known, open);
    },
  };
}

/** Replication is asynchronous: where a replica can become the master, acknowledged writes can be taken back. */
function capabilitiesOf({ topology, persistence }: RedisConfig): Capabilities {
  const isOneServer =
    topology.type === "single" || (topology.type === "client" && !topology.client.options.sentinels);
  return {
    transactions: true,
    guardedWrites: "transaction",
    fencing: isOneServer && persistence === "always" ? "strict" : "best-effort",
    durable: persistence !== "none",
  };
}

async function openSession(
  config: RedisConfig,
  revisions: Revisions,
  options: OpenOptions,
): Promise<BackendSession> {
  const base = baseKey(config.keyPrefix, options.namespace);
  const timeoutMs = Math.ceil(Math.min(config.connectTimeoutMs, SHARE_OF_CONNECT * options.connectTimeoutMs));
  const deadlineMs = systemClock.now() + timeoutMs;
  const sessionTimeoutMs = Math.ceil(options.sessionTimeoutMs);
  // A server that doesn't answer must leave time for another one before the session is lost.
  const redialMs = Math.min(config.connectTimeoutMs, Math.max(50, sessionTimeoutMs / 3));
  const dial = (signal: AbortSignal): Promise<Connection> => Connection.dial(config, base, redialMs, signal);
  try {
    const connection = await Connection.dial(config, base, timeoutMs, options.signal);
    const id = randomBytes(12).toString("hex");
    const opening = openAt(connection, { id, base, timeoutMs: sessionTimeoutMs }, revisions);
    try {
      const granted = await within(
        systemClock,
        deadlineMs - systemClock.now(),
        unlessAborted(options.signal, opening),
        () => new Error(`no answer within ${timeoutMs} ms`),
      );
      return new RedisSession(connection, dial, granted, revisions, options.observer);
    } catch (error) {
      void undo(connection, id);
      throw error;
    }
  } catch (error) {
    if (options.signal.aborted) throw aborted(options.signal);
    throw notOpened(config, base, error);
  }
}

async function openAt(
  connection: Connection,
  { id, base, timeoutMs }: Pick<Granted, "id" | "base" | "timeoutMs">,
  revisions: Revisions,
): Promise<Granted> {
  const openedAtMs = systemClock.now();
  const reply = await connection.exec(open, [connection.run, id, timeoutMs, revisions.highest]);
  revisions.seen(numberAt(reply, 1));
  return { id, base, timeoutMs, openedAtMs, firstDueMs: numberAt(reply, 2) };
}

/** Ends a session after a failed attempt. Its id is ours, so even one that was not acknowledged. */
async function undo(connection: Connection, id: string): Promise<void> {
  try {
    await within(systemClock, CLEANUP_MS, connection.exec(end, [id]), () => new Error("no answer"));
  } catch {
    // Out of reach, or never opened: nothing is left, or it ends by itself.
  } finally {
    connection.break(new Error("the session was not opened"));
  }
}

function notOpened(config: RedisConfig, base: string, error: unknown): ConclaveError {
  const where = placeOf(config);
  const cause = ConclaveError.is(error) && error.cause instanceof Error ? error.cause : error;
  const denied =
    ConclaveError.is(error, "ACCESS_DENIED") ||
    (cause instanceof Error &&
      replyCode(cause) !== undefined &&
      ConclaveError.is(fromReply(cause, base), "ACCESS_DENIED"));
  const message = `${where}: ${reasonOf(error)}`;
  if (denied) return new ConclaveError("ACCESS_DENIED", message, { cause });
  return new ConclaveError("CONNECT_FAILED", `no session at redis: ${message}`, { cause: error });
}

function placeOf({ topology }: RedisConfig): string {
  switch (topology.type) {
    case "single":
      return `${topology.host.host}:${topology.host.port}`;
    case "client": {
      const { host, port, sentinels, name } = topology.client.options;
      return sentinels ? `the master ${name} of the given client` : `${host}:${port}`;
    }
    case "cluster client":
      return "the cluster of the given client";
    default: {
      const hosts = topology.hosts.map(({ host, port }) => `${host}:${port}`).join(", ");
      return topology.type === "sentinel" ? `the master ${topology.name} by ${hosts}` : hosts;
    }
  }
}

function aborted(signal: AbortSignal): ConclaveError {
  return new ConclaveError("ABORTED", "Opening the session was aborted", { cause: signal.reason });
}
