import { Redis, type RedisOptions } from "ioredis";
import { withoutCommand } from "./errors.js";
import type { Host, RedisConfig } from "./options.js";

/**
 * One ioredis client is one TCP connection here: it connects once, queues nothing, and sends nothing a second time. What the
 * caller's own client is set to do instead is overridden in its duplicates.
 */
const ONCE = {
  lazyConnect: true,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  sentinelReconnectStrategy: () => null,
  reconnectOnError: null,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  enableAutoPipelining: false,
  maxRetriesPerRequest: null,
  commandTimeout: undefined,
  blockingTimeout: undefined,
  socketTimeout: undefined,
  disableClientInfo: true,
  keyPrefix: "",
  stringNumbers: false,
  readOnly: false,
  monitor: false,
  role: "master",
  disconnectTimeout: 1,
} satisfies RedisOptions;

/** A client for the single server, for the master that the Sentinels name, or like the caller's. */
export function rawClient(config: RedisConfig, connectTimeoutMs: number): Redis {
  const { topology } = config;
  const options = { ...ONCE, connectTimeout: connectTimeoutMs };
  // One Sentinel that accepts connections and does not answer leaves time for another.
  const patienceMs = Math.ceil(connectTimeoutMs / 2);
  const bySentinels = { ...options, connectTimeout: patienceMs, sentinelCommandTimeout: patienceMs };
  switch (topology.type) {
    case "client":
      return topology.client.duplicate(topology.client.options.sentinels ? bySentinels : options);
    case "sentinel":
      return new Redis({
        ...bySentinels,
        ...ofServer(config),
        sentinels: topology.hosts.map(({ host, port }) => ({ host, port })),
        name: topology.name,
        ...(topology.username === undefined ? {} : { sentinelUsername: topology.username }),
        ...(topology.password === undefined ? {} : { sentinelPassword: topology.password }),
        ...(config.tls === undefined
          ? {}
          : { enableTLSForSentinelMode: true, sentinelTLS: { ...config.tls } }),
      });
    case "single":
      return clientOf(config, topology.host, connectTimeoutMs);
    default:
      throw new TypeError(`${topology.type} has no single address`);
  }
}

/** A client for the server at this address. */
export function clientOf(config: RedisConfig, { host, port }: Host, connectTimeoutMs: number): Redis {
  const options = { ...ONCE, connectTimeout: connectTimeoutMs };
  const { topology } = config;
  if (topology.type === "cluster client") {
    const [any] = topology.client.nodes("all");
    if (any === undefined) throw new Error("the client given knows no node of its cluster yet");
    return any.duplicate({ ...options, host, port });
  }
  return new Redis({ ...options, ...ofServer(config), host, port });
}

/** Another connection to the very server that `raw` is connected to. */
export function alongside(raw: Redis, connectTimeoutMs: number): Redis {
  const options = { ...ONCE, connectTimeout: connectTimeoutMs };
  if (!raw.options.sentinels) return raw.duplicate({ ...options, ...identities.get(raw) });
  // The Sentinels could name another master by now.
  const { remoteAddress = "", remotePort = 0 } = raw.stream;
  const { tls, enableTLSForSentinelMode } = raw.options;
  const { sentinels: _, tls: __, ...rest } = raw.options;
  return new Redis({
    ...rest,
    ...options,
    ...identities.get(raw),
    host: remoteAddress,
    port: remotePort,
    ...(enableTLSForSentinelMode && tls ? { tls } : {}),
  });
}

/** Connects, or leaves nothing behind: rejects with the cause when that fails, takes too long or is aborted. */
export async function connected(raw: Redis, timeoutMs: number, signal: AbortSignal): Promise<Redis> {
  let cause: unknown;
  raw.on("error", (error) => {
    cause ??= error;
  });
  let giveUp = (_: unknown): void => {};
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  const abort = (): void => giveUp(signal.reason);
  const timer = setTimeout(() => giveUp(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  const identity = takeIdentity(raw);
  try {
    await Promise.race([raw.connect().then(() => introduce(raw, identity)), givenUp]);
    return raw;
  } catch (error) {
    raw.disconnect();
    throw withoutCommand(cause ?? error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

type Identity = Pick<RedisOptions, "username" | "password" | "db">;

/** Who a client is at the server, and where. */
const identities = new WeakMap<Redis, Identity>();

/** ioredis itself would go on when the server refuses the database, and with a race when it refuses the password. */
function takeIdentity(raw: Redis): Identity {
  const { username, password, db } = raw.options;
  const identity = { username, password, db };
  identities.set(raw, identity);
  raw.options.username = undefined;
  raw.options.password = undefined;
  raw.options.db = 0;
  return identity;
}

async function introduce(raw: Redis, { username, password, db = 0 }: Identity): Promise<void> {
  const named = typeof username === "string" && username !== "";
  if (typeof password === "string" && password !== "") {
    await raw.call("AUTH", ...(named ? [username] : []), password).catch((error: unknown) => {
      // A server without passwords lets everybody in.
      if (!(error instanceof Error && error.message.includes("without any password configured"))) throw error;
    });
  }
  if (db !== 0) await raw.select(db);
}

function ofServer({ auth, tls, database }: RedisConfig): RedisOptions {
  return {
    db: database,
    ...(auth === undefined ? {} : { password: auth.password }),
    ...(auth?.username === undefined ? {} : { username: auth.username }),
    ...(tls === undefined ? {} : { tls: { ...tls } }),
  };
}
