import {
  Barrier,
  BarrierRound,
  Config,
  Coordinator,
  Counter,
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
  type StandardSchema,
  Task,
  WorkQueue,
} from "@conclave/api";
import type { Kit, KitClient } from "../../kit.js";

/** Of what has operations, by the name of the one that is under test. */
export const subjectClasses = {
  coordinator: Coordinator,
  session: Session,
  leadership: Leadership,
  election: Election,
  lock: Lock,
  hold: LockHold,
  readWriteLock: ReadWriteLock,
  semaphore: Semaphore,
  permit: Permit,
  discovery: Discovery,
  registration: Registration,
  serviceView: ServiceView,
  group: Group,
  membership: Membership,
  groupView: GroupView,
  barrier: Barrier,
  doubleBarrier: DoubleBarrier,
  round: BarrierRound,
  counter: Counter,
  config: Config,
  liveConfig: LiveConfig,
  queue: WorkQueue,
  task: Task,
  deadLetters: DeadLetters,
  partitioner: Partitioner,
  partition: Partition,
} as const;

export type Owner = keyof typeof subjectClasses;

/** One of everything that has operations, all of one client. */
export type Subjects = {
  readonly [Name in Exclude<Owner, "config" | "liveConfig">]: (typeof subjectClasses)[Name]["prototype"];
} & {
  readonly config: Config<StandardSchema<string>>;
  readonly liveConfig: LiveConfig<string>;
};

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

/** Accepts every string. */
export const strings: StandardSchema<string> = {
  "~standard": {
    version: 1,
    vendor: "conclave",
    validate: (value) =>
      typeof value === "string" ? { value } : { issues: [{ message: `a string, not ${typeof value}` }] },
  },
};

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
