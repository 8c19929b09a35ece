import type { Capabilities } from "./backend/backend.js";
import type { Operation, OperationResult } from "./backend/operations.js";
import type { BackendSession } from "./backend/session.js";
import type { StopWatch } from "./backend/watch.js";
import { checkOptions, checkPath } from "./internal/check.js";
import { commit } from "./internal/commit.js";
import type { Keeper } from "./internal/keeper.js";
import { iterable, Latest } from "./internal/latest.js";
import type { LiveSession } from "./internal/live-session.js";
import { onAbort } from "./internal/on-abort.js";
import { checkWaitOptions, type WaitOptions, waiting } from "./internal/wait.js";
import { NodeClient, type StartWatch } from "./node-client.js";
import type { CallOptions } from "./node-writer.js";
import { Barrier } from "./recipes/barrier/barrier.js";
import { DoubleBarrier, type DoubleBarrierOptions } from "./recipes/barrier/double-barrier.js";
import { Discovery } from "./recipes/discovery/discovery.js";
import { Election } from "./recipes/election/election.js";
import { Group } from "./recipes/group/group.js";
import { Lock } from "./recipes/lock/lock.js";
import { ReadWriteLock } from "./recipes/lock/read-write-lock.js";
import { checkSemaphoreOptions, Semaphore, type SemaphoreOptions } from "./recipes/lock/semaphore.js";
import { Partitioner, type PartitionerOptions } from "./recipes/partition/partitioner.js";
import { WorkQueue, type WorkQueueOptions } from "./recipes/queue/work-queue.js";
import { Config, type ConfigOptions } from "./recipes/values/config.js";
import { Counter } from "./recipes/values/counter.js";
import type { StandardSchema } from "./recipes/values/standard-schema.js";
import { Session } from "./session.js";

/**
 * The door to one namespace of a store, for the life of a process: it spans sessions. Calls on nodes run in the current session,
 * or wait for the next when there is none; a call under way when its session is lost rejects with `SESSION_LOST` and is not
 * replayed (SES-4). Watches, registrations, views and `election.lead` go on in the next session.
 */
export class Coordinator extends NodeClient {
  readonly #keeper: Keeper;
  readonly #sessions = new WeakMap<LiveSession, Session>();

  /** Coordinators come from `connect`. */
  constructor(keeper: Keeper) {
    super();
    this.#keeper = keeper;
  }

  /** Of the backend: `"memory"`, `"etcd"`, ... */
  get backend(): string {
    return this.#keeper.backend.name;
  }

  get capabilities(): Capabilities {
    return this.#keeper.backend.capabilities;
  }

  /** The current session, or the next one when there is none now. Errors: `CLOSED`, `ABORTED`, `TIMEOUT`. */
  async session(options: WaitOptions = {}): Promise<Session> {
    checkWaitOptions("session", options);
    const live = await waiting(this.#keeper.clock, "session", options, (signal) => this.#keeper.live(signal));
    return this.#sessionOf(live);
  }

  /** The current session and each later one; a slow reader sees the latest. Ends when the coordinator is closed. */
  sessions(options: CallOptions = {}): AsyncIterable<Session> {
    checkOptions("sessions", options, ["signal"]);
    return iterable(
      () =>
        new Latest<Session>({ signal: options.signal, beforeRead: () => {} }, (latest) =>
          this.#whileOpen(
            () => latest.end(),
            () => this.#keeper.follow((live) => latest.push(() => this.#sessionOf(live))),
          ),
        ),
    );
  }

  /** The election whose candidates stand in line under `path`; made on first use. */
  election(path: string): Election {
    checkPath(path);
    return new Election(this.#keeper, path);
  }

  /** The lock whose contenders stand in line under `path`; made on first use. */
  lock(path: string): Lock {
    checkPath(path);
    return new Lock(this.#keeper, path);
  }

  /** The read-write lock whose readers and writers stand in line under `path`; made on first use. */
  readWriteLock(path: string): ReadWriteLock {
    checkPath(path);
    return new ReadWriteLock(this.#keeper, path);
  }

  /** The semaphore whose contenders stand in line under `path`; made on first use. Errors: `INVALID_ARGUMENT`. */
  semaphore(path: string, options: SemaphoreOptions): Semaphore {
    checkPath(path);
    return new Semaphore(this.#keeper, path, checkSemaphoreOptions(options).permits);
  }

  /** The directory of services under `path`; made on first use. */
  discovery(path: string): Discovery {
    checkPath(path);
    return new Discovery(this.#keeper, path);
  }

  /** The group whose members stand under `path`; made on first use. */
  group(path: string): Group {
    checkPath(path);
    return new Group(this.#keeper, path);
  }

  /** The barrier at `path`, which stands while there is a node. */
  barrier(path: string): Barrier {
    checkPath(path);
    return new Barrier(this.#keeper, this, path);
  }

  /** The double barrier at which `count` processes stand under `path`; made on first use. */
  doubleBarrier(path: string, options: DoubleBarrierOptions): DoubleBarrier {
    checkPath(path);
    return new DoubleBarrier(this.#keeper, path, options);
  }

  /** The counter at `path`; made by its first write. */
  counter(path: string): Counter {
    checkPath(path);
    return new Counter(this.#keeper, this, path);
  }

  /** The value at `path` that `schema` describes; made by the first `set`. */
  config<S extends StandardSchema>(path: string, options: ConfigOptions<S>): Config<S> {
    checkPath(path);
    return new Config(this.#keeper, this, path, options);
  }

  /** The queue of tasks under `path`; made on first use. Errors: `INVALID_PATH`, `INVALID_ARGUMENT`. */
  workQueue(path: string, options: WorkQueueOptions = {}): WorkQueue {
    checkPath(path);
    return new WorkQueue(this.#keeper, path, options);
  }

  /**
   * One member of those who divide the partitions under `path` among them. Errors: `INVALID_PATH` (path, id), `INVALID_ARGUMENT`,
   * `DATA_TOO_LARGE`.
   */
  partitioner(path: string, options: PartitionerOptions): Partitioner {
    checkPath(path);
    return new Partitioner(this.#keeper, path, options);
  }

  /**
   * Ends the current session, so that its ephemeral nodes vanish at once, and everything that spans sessions. Idempotent;
   * settles everything that is pending, also while connecting or partitioned (SES-10).
   */
  close(): Promise<void> {
    return this.#keeper.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected override async commit(
    operations: readonly Operation[],
    signal: AbortSignal | undefined,
  ): Promise<readonly OperationResult[]> {
    return commit(this.#keeper.current ?? (await this.#keeper.live(signal)), operations, undefined, signal);
  }

  protected override async read<T>(
    call: (backend: BackendSession) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return (this.#keeper.current ?? (await this.#keeper.live(signal))).idempotent(call, signal);
  }

  protected override attach(start: StartWatch, ended: (reason: unknown) => void): StopWatch {
    let stopInSession: StopWatch = () => {};
    const attachTo = (live: LiveSession) => {
      stopInSession = live.watch(start, () => {});
    };
    const stop = this.#whileOpen(ended, () => this.#keeper.follow(attachTo));
    return () => {
      stop();
      stopInSession();
    };
  }

  protected override checkAlive(): void {
    void this.#keeper.current;
  }

  /** Runs `start`, and `ended` with the reason when the coordinator is closed. */
  #whileOpen(ended: (reason: unknown) => void, start: () => StopWatch): StopWatch {
    this.#keeper.check();
    const { signal } = this.#keeper;
    const cancel = onAbort(signal, () => ended(signal.reason));
    const stop = start();
    return () => {
      cancel();
      stop();
    };
  }

  #sessionOf(live: LiveSession): Session {
    const known = this.#sessions.get(live);
    if (known) return known;
    const session = new Session(live);
    this.#sessions.set(live, session);
    return session;
  }
}
