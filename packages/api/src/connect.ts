import type { Backend } from "./backend/backend.js";
import { Coordinator } from "./coordinator.js";
import { ConclaveError, type ErrorCode } from "./errors.js";
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

  const keeper = new Keeper(backend, { namespace, sessionTimeoutMs, connectTimeoutMs });
  keeper.start();
  if (!startDisconnected) await firstSession(keeper, connectTimeoutMs, signal);
  return new Coordinator(keeper);
}

/** Codes that trying again does not mend. */
const permanent: readonly ErrorCode[] = ["ACCESS_DENIED", "INVALID_ARGUMENT", "UNSUPPORTED"];

async function firstSession(
  keeper: Keeper,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { name } = keeper.backend;
  const givenUp = new AbortController();
  let failure: unknown;
  const stop = keeper.onFailure((error) => {
    failure = error;
    if (permanent.some((code) => ConclaveError.is(error, code))) givenUp.abort();
  });
  const either = signal ? AbortSignal.any([signal, givenUp.signal]) : givenUp.signal;
  try {
    await waiting(keeper.clock, "connect", { signal: either, timeoutMs }, (waitSignal) =>
      keeper.live(waitSignal),
    );
  } catch (error) {
    await keeper.close();
    if (givenUp.signal.aborted) throw failure;
    if (!ConclaveError.is(error, "TIMEOUT")) throw error;
    const why = failure instanceof Error ? failure.message : "no answer";
    throw new ConclaveError("CONNECT_FAILED", `could not connect to ${name} within ${timeoutMs} ms: ${why}`, {
      cause: failure,
    });
  } finally {
    stop();
  }
}
