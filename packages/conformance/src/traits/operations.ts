import type {
  Barrier,
  BarrierRound,
  Config,
  Coordinator,
  Counter,
  Data,
  DeadLetters,
  Discovery,
  DoubleBarrier,
  Election,
  Group,
  GroupView,
  Leadership,
  LiveConfig,
  Lock,
  LockHold,
  Membership,
  Partition,
  Partitioner,
  Permit,
  ReadWriteLock,
  Registration,
  Semaphore,
  ServiceView,
  Session,
  StandardSchema,
  Task,
  WorkQueue,
} from "@conclave/api";
import type { Kit, KitClient } from "../kit.js";

/** One of everything that has operations, all of one client. */
export interface Subjects {
  readonly coordinator: Coordinator;
  readonly session: Session;
  readonly leadership: Leadership;
  readonly election: Election;
  readonly lock: Lock;
  readonly hold: LockHold;
  readonly readWriteLock: ReadWriteLock;
  readonly semaphore: Semaphore;
  readonly permit: Permit;
  readonly discovery: Discovery;
  readonly registration: Registration;
  readonly serviceView: ServiceView;
  readonly group: Group;
  readonly membership: Membership;
  readonly groupView: GroupView;
  readonly barrier: Barrier;
  readonly doubleBarrier: DoubleBarrier;
  readonly round: BarrierRound;
  readonly counter: Counter;
  readonly config: Config<StandardSchema<string>>;
  readonly liveConfig: LiveConfig<string>;
  readonly queue: WorkQueue;
  readonly task: Task;
  readonly deadLetters: DeadLetters;
  readonly partitioner: Partitioner;
  readonly partition: Partition;
}

/** Accepts every string. */
const strings: StandardSchema<string> = {
  "~standard": {
    version: 1,
    vendor: "conclave",
    validate: (value) =>
      typeof value === "string" ? { value } : { issues: [{ message: `a string, not ${typeof value}` }] },
  },
};

export type Owner = keyof Subjects;

/** What ends with the session. */
export const ownersOfSession: readonly Owner[] = [
  "session",
  "leadership",
  "hold",
  "permit",
  "round",
  "task",
  "partition",
];

export interface Input {
  readonly path: string;
  readonly data: Data;
  readonly options: object;
}

/** A public operation, and what it takes. */
export interface PublicOperation {
  readonly owner: Owner;
  readonly method: string;
  /** As titles and messages name it. */
  readonly name: string;
  readonly call: (subjects: Subjects, input: Input) => unknown;
  /** It needs the store, or waits for it. Without: it answers from what is known here. */
  readonly io: boolean;
  readonly takesPath: boolean;
  readonly takesData: boolean;
  readonly takesOptions: boolean;
  readonly takesTimeLimit: boolean;
  /** Its options are one object with its data, which alone may be given. */
  readonly mergesOptions: boolean;
  /** It goes well after the end: it has nothing left to do, or says how it ended. */
  readonly harmless: boolean;
  /** What it yields ends quietly when its signal aborts; other operations reject with `ABORTED`. */
  readonly iterates: boolean;
}

type Features = Partial<Omit<PublicOperation, "owner" | "method" | "call">>;

function operation(
  owner: Owner,
  method: string,
  features: Features,
  call: PublicOperation["call"],
): PublicOperation {
  return {
    owner,
    method,
    name: `${owner}.${features.name ?? method}`,
    call,
    io: true,
    takesPath: false,
    takesData: false,
    takesOptions: true,
    takesTimeLimit: false,
    mergesOptions: false,
    harmless: false,
    iterates: false,
    ...omitName(features),
  };
}

function omitName({ name: _, ...rest }: Features): Omit<Features, "name"> {
  return rest;
}

type Writer = "session" | "coordinator" | "leadership" | "hold" | "permit" | "task" | "partition";

function writesOf(owner: Writer): readonly PublicOperation[] {
  const path = { takesPath: true };
  const both = { ...path, takesData: true };
  const within = (name: string) => ({ name: `transaction (${name})` });
  return [
    operation(owner, "create", both, (on, { path, data, options }) => on[owner].create(path, data, options)),
    operation(owner, "set", both, (on, { path, data, options }) => on[owner].set(path, data, options)),
    operation(owner, "delete", path, (on, { path, options }) => on[owner].delete(path, options)),
    operation(owner, "transaction", { ...both, ...within("create") }, (on, { path, data, options }) =>
      on[owner].transaction([{ type: "create", path, data }], options),
    ),
    operation(owner, "transaction", { ...both, ...within("set") }, (on, { path, data, options }) =>
      on[owner].transaction([{ type: "set", path, data }], options),
    ),
    operation(owner, "transaction", { ...path, ...within("delete") }, (on, { path, options }) =>
      on[owner].transaction([{ type: "delete", path }], options),
    ),
    operation(owner, "transaction", { ...path, ...within("check") }, (on, { path, options }) =>
      on[owner].transaction([{ type: "check", path }], options),
    ),
  ];
}

function readsOf(owner: "session" | "coordinator"): readonly PublicOperation[] {
  const reads = (["get", "exists", "children", "childNodes"] as const).map((method) =>
    operation(owner, method, { takesPath: true }, (on, { path, options }) =>
      on[owner][method](path, options),
    ),
  );
  const watches = (["watch", "watchChildren", "watchChildNodes"] as const).map((method) =>
    operation(owner, method, { takesPath: true, iterates: true }, (on, { path, options }) =>
      on[owner][method](path, options),
    ),
  );
  return [...reads, ...watches];
}

const merged = { takesData: true, mergesOptions: true };

function acquisitionsOf(owner: "lock" | "semaphore"): readonly PublicOperation[] {
  return [
    operation(owner, "acquire", { takesTimeLimit: true, ...merged }, (on, { data, options }) =>
      on[owner].acquire({ data, ...options }),
    ),
    operation(owner, "tryAcquire", merged, (on, { data, options }) =>
      on[owner].tryAcquire({ data, ...options }),
    ),
    operation(owner, "contenders", {}, (on, { options }) => on[owner].contenders(options)),
  ];
}

function readsOfView(owner: "serviceView" | "groupView"): readonly PublicOperation[] {
  return [
    // More than there are: it waits, also when there is contact.
    operation(owner, "waitFor", wait, (on, { options }) => on[owner].waitFor(1_000, options)),
    operation(owner, "changes", { iterates: true }, (on, { options }) => on[owner].changes(options)),
    operation(owner, "close", local, (on) => on[owner].close()),
  ];
}

const local = { io: false, takesOptions: false, harmless: true };
const wait = { takesTimeLimit: true };

/** Every public operation there is; a unit test compares it with the classes. */
export const operations: readonly PublicOperation[] = [
  ...readsOf("session"),
  ...writesOf("session"),
  operation("session", "states", { io: false, iterates: true, harmless: true }, (on, { options }) =>
    on.session.states(options),
  ),
  operation("session", "close", local, (on) => on.session.close()),
  ...readsOf("coordinator"),
  ...writesOf("coordinator"),
  operation("coordinator", "session", { io: false, ...wait }, (on, { options }) =>
    on.coordinator.session(options),
  ),
  operation("coordinator", "sessions", { io: false, iterates: true }, (on, { options }) =>
    on.coordinator.sessions(options),
  ),
  operation("coordinator", "election", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.election(path),
  ),
  operation("coordinator", "lock", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.lock(path),
  ),
  operation("coordinator", "readWriteLock", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.readWriteLock(path),
  ),
  operation("coordinator", "semaphore", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.semaphore(path, { permits: 2 }),
  ),
  operation("coordinator", "discovery", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.discovery(path),
  ),
  operation("coordinator", "barrier", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.barrier(path),
  ),
  operation("coordinator", "doubleBarrier", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.doubleBarrier(path, { count: 2 }),
  ),
  operation("coordinator", "counter", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.counter(path),
  ),
  operation("coordinator", "config", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.config(path, { schema: strings }),
  ),
  operation("coordinator", "workQueue", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.workQueue(path),
  ),
  operation(
    "coordinator",
    "partitioner",
    { ...local, takesPath: true, takesData: true },
    (on, { path, data }) => on.coordinator.partitioner(path, { partitions: 1, data }),
  ),
  operation("coordinator", "close", local, (on) => on.coordinator.close()),
  ...writesOf("leadership"),
  operation("leadership", "resign", local, (on) => on.leadership.resign()),
  operation("election", "campaign", { ...wait, ...merged }, (on, { data, options }) =>
    on.election.campaign({ data, ...options }),
  ),
  operation("election", "lead", merged, (on, { data, options }) =>
    on.election.lead(() => "led", { data, ...options }),
  ),
  operation("election", "leader", {}, (on, { options }) => on.election.leader(options)),
  operation("election", "observe", { iterates: true }, (on, { options }) => on.election.observe(options)),
  ...acquisitionsOf("lock"),
  operation("lock", "withLock", { ...wait, ...merged }, (on, { data, options }) =>
    on.lock.withLock(() => "held", { data, ...options }),
  ),
  operation("readWriteLock", "contenders", {}, (on, { options }) => on.readWriteLock.contenders(options)),
  ...acquisitionsOf("semaphore"),
  operation("semaphore", "withPermit", { ...wait, ...merged }, (on, { data, options }) =>
    on.semaphore.withPermit(() => "held", { data, ...options }),
  ),
  ...writesOf("permit"),
  operation("permit", "release", local, (on) => on.permit.release()),
  ...writesOf("hold"),
  operation("hold", "release", local, (on) => on.hold.release()),
  operation("discovery", "register", { ...wait, takesData: true }, (on, { data, options }) =>
    on.discovery.register({ name: "service", address: "a", port: 1, metadata: asText(data) }, options),
  ),
  operation("discovery", "view", wait, (on, { options }) => on.discovery.view("service", options)),
  operation("discovery", "names", {}, (on, { options }) => on.discovery.names(options)),
  operation("discovery", "watchNames", { iterates: true }, (on, { options }) =>
    on.discovery.watchNames(options),
  ),
  operation("registration", "update", { takesOptions: false }, (on) => on.registration.update({ port: 2 })),
  operation("registration", "unregister", local, (on) => on.registration.unregister()),
  ...readsOfView("serviceView"),
  operation("serviceView", "pick", local, (on) => on.serviceView.pick()),
  operation("serviceView", "failed", local, (on) => on.serviceView.failed({ id: "nobody" })),
  operation("serviceView", "succeeded", local, (on) => on.serviceView.succeeded({ id: "nobody" })),
  operation("coordinator", "group", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.group(path),
  ),
  operation("group", "join", { ...wait, ...merged }, (on, { data, options }) =>
    on.group.join({ data, ...options }),
  ),
  operation("group", "members", {}, (on, { options }) => on.group.members(options)),
  operation("group", "view", wait, (on, { options }) => on.group.view(options)),
  operation("membership", "update", { takesData: true, takesOptions: false }, (on, { data }) =>
    on.membership.update(data),
  ),
  operation("membership", "leave", local, (on) => on.membership.leave()),
  ...readsOfView("groupView"),
  operation("barrier", "set", {}, (on, { options }) => on.barrier.set(options)),
  operation("barrier", "remove", {}, (on, { options }) => on.barrier.remove(options)),
  operation("barrier", "wait", wait, (on, { options }) => on.barrier.wait(options)),
  operation("doubleBarrier", "enter", wait, (on, { options }) => on.doubleBarrier.enter(options)),
  operation("round", "leave", wait, (on, { options }) => on.round.leave(options)),
  operation("counter", "get", {}, (on, { options }) => on.counter.get(options)),
  operation("counter", "increment", {}, (on, { options }) => on.counter.increment(options)),
  operation("counter", "add", {}, (on, { options }) => on.counter.add(-2n, options)),
  operation("counter", "compareAndSet", {}, (on, { options }) => on.counter.compareAndSet(0n, 1n, options)),
  operation("counter", "set", {}, (on, { options }) => on.counter.set(5n, options)),
  operation("counter", "watch", { iterates: true }, (on, { options }) => on.counter.watch(options)),
  operation("config", "get", {}, (on, { options }) => on.config.get(options)),
  operation("config", "set", { takesData: true }, (on, { data, options }) =>
    on.config.set(asText(data), options),
  ),
  operation("config", "update", {}, (on, { options }) =>
    on.config.update((text = "") => `${text}+`, options),
  ),
  operation("config", "watch", { iterates: true }, (on, { options }) => on.config.watch(options)),
  operation("config", "live", wait, (on, { options }) => on.config.live(options)),
  operation("liveConfig", "close", local, (on) => on.liveConfig.close()),
  operation("queue", "put", { takesData: true }, (on, { data, options }) => on.queue.put(data, options)),
  operation("queue", "putAll", { takesData: true }, (on, { data, options }) =>
    on.queue.putAll([data], options),
  ),
  operation("queue", "take", wait, (on, { options }) => on.queue.take(options)),
  operation("queue", "size", {}, (on, { options }) => on.queue.size(options)),
  ...writesOf("task"),
  operation("task", "acknowledge", { ...local, harmless: false }, (on) => on.task.acknowledge()),
  operation("task", "release", local, (on) => on.task.release()),
  operation("task", "reject", local, (on) => on.task.reject()),
  operation("deadLetters", "list", {}, (on, { options }) => on.deadLetters.list(options)),
  operation("deadLetters", "requeue", {}, (on, { options }) => on.deadLetters.requeue("500-x", options)),
  operation("deadLetters", "remove", {}, (on, { options }) => on.deadLetters.remove("500-x", options)),
  operation("partitioner", "run", {}, (on, { options }) => on.partitioner.run(() => {}, options)),
  operation("partitioner", "watchOwned", { io: false, iterates: true }, (on, { options }) =>
    on.partitioner.watchOwned(options),
  ),
  ...writesOf("partition"),
];

function asText(data: Data): string {
  return typeof data === "string" ? data : "x".repeat(data.length);
}

/** Carries an operation out, whether it throws, rejects or iterates; of an iteration, its first result. */
export async function run(
  { call }: PublicOperation,
  subjects: Subjects,
  input: Partial<Input> = {},
): Promise<unknown> {
  const result = await call(subjects, { path: "/node", data: "data", options: {}, ...input });
  if (!isIterable(result)) return result;
  const iterator = result[Symbol.asyncIterator]();
  try {
    return await iterator.next();
  } finally {
    await iterator.return?.();
  }
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** A client that leads, with a node to work on. */
export async function subjectsOf(kit: Kit): Promise<Subjects & { readonly client: KitClient }> {
  const client = await kit.client();
  const { coordinator, session } = client;
  await coordinator.create("/node", "data");
  const election = coordinator.election("/election");
  const leadership = await election.campaign();
  const hold = await coordinator.lock("/held").acquire();
  await coordinator.workQueue("/tasks").put("data");
  const task = await coordinator.workQueue("/tasks").take();
  const queue = coordinator.workQueue("/queue");
  const partition = await new Promise<Partition>((resolve, reject) => {
    coordinator.partitioner("/owned", { partitions: 1 }).run(resolve).catch(reject);
  });
  const permit = await coordinator.semaphore("/permits", { permits: 2 }).acquire();
  const discovery = coordinator.discovery("/services");
  const group = coordinator.group("/group");
  const config = coordinator.config("/config", { schema: strings });
  return {
    client,
    coordinator,
    session,
    leadership,
    election,
    lock: coordinator.lock("/lock"),
    hold,
    readWriteLock: coordinator.readWriteLock("/read-write-lock"),
    semaphore: coordinator.semaphore("/semaphore", { permits: 2 }),
    permit,
    discovery,
    registration: await discovery.register({ name: "kept", address: "a", port: 1 }),
    serviceView: await discovery.view("kept-by-nobody"),
    group,
    membership: await group.join({ id: "kept" }),
    groupView: await coordinator.group("/nobody").view(),
    barrier: coordinator.barrier("/barrier"),
    doubleBarrier: coordinator.doubleBarrier("/rounds", { count: 2 }),
    round: await coordinator.doubleBarrier("/entered", { count: 1 }).enter(),
    counter: coordinator.counter("/counter"),
    config,
    liveConfig: await config.live(),
    queue,
    task,
    deadLetters: queue.deadLetters,
    partitioner: coordinator.partitioner("/partitioned", { partitions: 2 }),
    partition,
  };
}
