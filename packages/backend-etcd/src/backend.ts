import { randomBytes } from "node:crypto";
import {
  type Backend,
  type BackendSession,
  ConclaveError,
  type OpenOptions,
  systemClock,
  unlessAborted,
  within,
} from "@conclave/api/backend";
import { Connection } from "./connection.js";
import { accessDenied, reasonOf } from "./errors.js";
import { Keys } from "./keys.js";
import { checkOptions, type EtcdConfig, type EtcdHost, type EtcdOptions } from "./options.js";
import { EtcdSession, type Granted } from "./session.js";

/** How long an attempt that is given up may take to undo what it did at the store. */
const CLEANUP_MS = 1_000;
/** Of the time to connect, for all hosts together: the rest is for reporting which failed. */
const SHARE_OF_CONNECT = 0.8;

/**
 * Conclave on etcd v3 (3.4 or later).
 *
 * A session is a lease: its timeout is granted in whole seconds, no less than one and a half times the cluster's
 * election timeout. All reads are linearizable.
 *
 * @throws `INVALID_ARGUMENT` naming the option that is wrong; never with a password in the message.
 */
export function etcd(options: EtcdOptions): Backend {
  const config = checkOptions(options);
  return {
    name: "etcd",
    capabilities: { transactions: true, guardedWrites: "transaction", fencing: "strict", durable: true },
    clock: systemClock,
    open: (open) => openSession(config, open),
  };
}

async function openSession(config: EtcdConfig, options: OpenOptions): Promise<BackendSession> {
  const { hosts } = config;
  const share = (SHARE_OF_CONNECT * options.connectTimeoutMs) / hosts.length;
  const timeoutMs = Math.ceil(Math.min(config.connectTimeoutMs, share));
  const first = Math.floor(Math.random() * hosts.length);
  const failures: string[] = [];
  let cause: unknown;
  let denied: ConclaveError | undefined;
  for (const host of [...hosts.slice(first), ...hosts.slice(0, first)]) {
    try {
      return await openAt(config, host, timeoutMs, options);
    } catch (error) {
      if (options.signal.aborted) throw aborted(options.signal);
      if (ConclaveError.is(error, "ACCESS_DENIED")) denied ??= accessDenied(host.name, error);
      cause = error;
      failures.push(`${host.name}: ${reasonOf(error)}`);
    }
  }
  if (denied !== undefined) throw denied;
  throw new ConclaveError("CONNECT_FAILED", `no session at etcd: ${failures.join("; ")}`, { cause });
}

async function openAt(
  config: EtcdConfig,
  host: EtcdHost,
  timeoutMs: number,
  options: OpenOptions,
): Promise<BackendSession> {
  const deadlineMs = systemClock.now() + timeoutMs;
  const connection = await Connection.dial(config, host, timeoutMs, options.signal);
  const lease = newLease();
  const keys = new Keys(options.namespace);
  const granting = grant(connection, keys, lease, options);
  try {
    const granted = await within(
      systemClock,
      deadlineMs - systemClock.now(),
      unlessAborted(options.signal, granting),
      () => new Error(`no answer within ${timeoutMs} ms`),
    );
    const dial = redial(config, host, granted.timeoutMs);
    return new EtcdSession(connection, dial, keys, granted, options.observer);
  } catch (error) {
    void undo(connection, granting, lease);
    throw error;
  }
}

/** Connects to the hosts in turn, beginning with the one after `last`. */
function redial(config: EtcdConfig, last: EtcdHost, sessionTimeoutMs: number) {
  const { hosts, connectTimeoutMs } = config;
  // A host that doesn't answer must leave time for the others before the session is lost.
  const timeoutMs = Math.min(connectTimeoutMs, sessionTimeoutMs / 3 / hosts.length);
  let at = hosts.indexOf(last);
  return (signal: AbortSignal): Promise<Connection> => {
    at = (at + 1) % hosts.length;
    return Connection.dial(config, hosts[at] ?? last, timeoutMs, signal);
  };
}

async function grant(
  connection: Connection,
  keys: Keys,
  lease: string,
  options: OpenOptions,
): Promise<Granted> {
  const id = BigInt(lease).toString(16);
  const openedAtMs = systemClock.now();
  const { TTL } = await connection.lease.leaseGrant({
    ID: lease,
    TTL: Math.max(1, Math.ceil(options.sessionTimeoutMs / 1000)),
  });
  const root = keys.node("/");
  const { header } = await connection.kv.txn({
    compare: [],
    success: [
      { request_put: { key: keys.session(id), value: Buffer.alloc(0), lease } },
      {
        request_txn: {
          compare: [{ key: root, target: "Create", result: "Equal", create_revision: "0" }],
          success: [{ request_put: { key: root, value: Buffer.alloc(0) } }],
          failure: [],
        },
      },
    ],
    failure: [],
  });
  return { id, lease, timeoutMs: Number(TTL) * 1000, openedAtMs, revision: BigInt(header.revision) };
}

/** Takes a lease back after a failed attempt. Its id is ours, so even one whose grant was not acknowledged. */
async function undo(connection: Connection, granting: Promise<unknown>, lease: string): Promise<void> {
  const revoke = granting.catch(() => {}).then(() => connection.lease.leaseRevoke({ ID: lease }));
  try {
    await within(systemClock, CLEANUP_MS, revoke, () => new Error("etcd did not answer"));
  } catch {
    // Out of reach, or never granted: nothing is left, or it ends by itself.
  } finally {
    connection.break(new Error("the session was not opened"));
  }
}

/** A positive 63-bit number, in decimal. */
function newLease(): string {
  const id = randomBytes(8).readBigUInt64BE() >> 1n;
  return (id === 0n ? 1n : id).toString();
}

function aborted(signal: AbortSignal): ConclaveError {
  return new ConclaveError("ABORTED", "Opening the session was aborted", { cause: signal.reason });
}
