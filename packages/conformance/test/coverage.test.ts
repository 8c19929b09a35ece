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
  Task,
  WorkQueue,
} from "@conclave/api";
import { allSuites, operations, untested } from "@conclave/conformance";
import { expect, test } from "vitest";

test("every clause has a case", () => {
  expect(untested(allSuites)).toEqual([]);
});

test("a clause without a case is found out", () => {
  const withoutSessions = allSuites.map(({ name, cases }) => ({
    name,
    cases: cases.filter(({ clause }) => clause !== "SES-8"),
  }));
  expect(untested(withoutSessions)).toEqual(["SES-8"]);
});

test("no two cases of one clause have the same title", () => {
  const titles = allSuites.flatMap(({ cases }) => cases.map(({ clause, title }) => `${clause} ${title}`));
  // Cases for different capabilities may state the same thing, but not in the same words.
  expect(titles.length).toBe(new Set(titles).size);
});

/** For whoever extends these classes, not for whoever uses them. */
const hooks = ["constructor", "commit", "read", "attach", "checkAlive", "giveUp", "firstRead", "within"];

test.each(
  Object.entries({
    session: Session,
    coordinator: Coordinator,
    leadership: Leadership,
    election: Election,
    lock: Lock,
    hold: LockHold,
    readWriteLock: ReadWriteLock,
    semaphore: Semaphore,
    permit: Permit,
    discovery: Discovery,
    barrier: Barrier,
    config: Config,
    counter: Counter,
    deadLetters: DeadLetters,
    doubleBarrier: DoubleBarrier,
    group: Group,
    groupView: GroupView,
    liveConfig: LiveConfig,
    membership: Membership,
    partition: Partition,
    partitioner: Partitioner,
    queue: WorkQueue,
    registration: Registration,
    round: BarrierRound,
    serviceView: ServiceView,
    task: Task,
  }),
)("every public method of %s is in the table of operations", (owner, type) => {
  const methods = new Set<string>();
  for (let level = type.prototype; level !== Object.prototype; level = Object.getPrototypeOf(level)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value === "function" && !hooks.includes(name)) methods.add(name);
    }
  }
  const inTable = operations.filter((operation) => operation.owner === owner).map(({ method }) => method);
  expect([...new Set(inTable)].sort()).toEqual([...methods].sort());
});
