import type { Backend } from "./backend/backend.js";
import { Coordinator } from "./coordinator.js";
import { ConclaveError } from "./errors.js";
import { checkDuration, checkOptions, checkPath } from "./internal/check.js";
import { Keeper } from "./internal/keeper.js";
import { waiting } from "./internal/wait.js";

export interface ConnectOptions {
  /** The subtree that this coordinator sees as "/"; made when it is missing. Default "/". */
  readonly namespace?: string | undefined;
  /** How long the store keeps a session without contact. The store may grant another: see `session.timeoutMs`. Default 10,000. */
  readonly sessionTimeoutMs?: number | undefined;
  /** How long to try for the first session. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Return at once and connect in the background, for as long as it takes: for processes that start before their store (DISC-4). Default false. */
  readonly startDisconnected?: boolean | undefined;
  /** Gives up connecting: rejects with `ABORTED`. No effect once connected. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects to a store and opens the first session.
 *
 * Resolves when the session is open, or at once with `startDisconnected`. A store that is not there yet is tried again until
 * `connectTimeoutMs`. Leaves nothing behind when it rejects.
 * Errors: `INVALID_ARGUMENT`, `INVALID_PATH` before any I/O; `CONNECT_FAILED` saying where and why; `ACCESS_DENIED`; `ABORTED`.
 */
export async function connect(backend: Backend, options: ConnectOptions = {}): Promise<Coordinator> {
  checkOptions("connect", options, [
    "namespace",
    "sessionTimeoutMs",
    "connectTimeoutMs",
    "startDisconnected",
    "signal",
  ]);
  if (typeof backend?.open !== "function") {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `connect: the first argument is a backend, such as memory(), not ${typeof backend}`,
    );
  }
  const {
    namespace = "/",
    sessionTimeoutMs = 10_000,
    connectTimeoutMs = 10_000,
    startDisconnected = false,
    signal,
  } = options;
  checkPath(namespace);
  if (namespace === "/zookeeper" || namespace.startsWith("/zookeeper/")) {
    throw new ConclaveError(
      "INVALID_PATH",
      `invalid namespace ${JSON.stringify(namespace)}: /zookeeper is ZooKeeper's own`,
    );
  }
  checkDuration("connect: sessionTimeoutMs", sessionTimeoutMs, 1);
  checkDuration("connect: connectTimeoutMs", connectTimeoutMs, 1);

  const keeper = new Keeper(backend, { namespace, sessionTimeoutMs });
  keeper.start();
  if (!startDisconnected) await firstSession(keeper, connectTimeoutMs, signal);
  return new Coordinator(keeper);
}

async function firstSession(
  keeper: Keeper,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await waiting(keeper.clock, "connect", { signal, timeoutMs }, (waitSignal) => keeper.live(waitSignal));
  } catch (error) {
    const cause = keeper.lastFailure;
    await keeper.close();
    if (!ConclaveError.is(error, "TIMEOUT")) throw error;
    const { name } = keeper.backend;
    const code = ConclaveError.is(cause, "ACCESS_DENIED") ? "ACCESS_DENIED" : "CONNECT_FAILED";
    const why = cause instanceof Error ? cause.message : "no answer";
    throw new ConclaveError(code, `could not connect to ${name} within ${timeoutMs} ms: ${why}`, { cause });
  }
}
