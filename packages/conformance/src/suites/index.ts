import type { Suite } from "../suite.js";
import { traits } from "../traits/index.js";
import { backendAlone } from "./backend-alone.js";
import { barrier } from "./barrier.js";
import { config } from "./config.js";
import { counter } from "./counter.js";
import { crowd } from "./crowd.js";
import { discovery } from "./discovery.js";
import { discoveryFaults } from "./discovery-faults.js";
import { discoveryNames } from "./discovery-names.js";
import { discoveryViews } from "./discovery-views.js";
import { discoveryViewsFaults } from "./discovery-views-faults.js";
import { doubleBarrier } from "./double-barrier.js";
import { election } from "./election.js";
import { electionChurn } from "./election-churn.js";
import { electionLoss } from "./election-loss.js";
import { electionWaiters } from "./election-waiters.js";
import { givenUp } from "./given-up.js";
import { group } from "./group.js";
import { groupFaults } from "./group-faults.js";
import { guarded } from "./guarded.js";
import { lead } from "./lead.js";
import { lock } from "./lock.js";
import { namesAndData } from "./names-and-data.js";
import { nodes } from "./nodes.js";
import { outcomes } from "./outcomes.js";
import { partitioner } from "./partitioner.js";
import { partitionerHandover } from "./partitioner-handover.js";
import { partitionerLoss } from "./partitioner-loss.js";
import { readWriteLock } from "./read-write-lock.js";
import { reads } from "./reads.js";
import { semaphore } from "./semaphore.js";
import { sequential } from "./sequential.js";
import { sessionLoss } from "./session-loss.js";
import { sessions } from "./sessions.js";
import { stoppedProcess } from "./stopped-process.js";
import { transactions } from "./transactions.js";
import { versions } from "./versions.js";
import { watchEnds } from "./watch-ends.js";
import { watchFaults } from "./watch-faults.js";
import { watches } from "./watches.js";
import { workQueue } from "./work-queue.js";
import { workQueueDone } from "./work-queue-done.js";
import { workQueueLoss } from "./work-queue-loss.js";
import { workQueueSteps } from "./work-queue-steps.js";

/** All suites, in the order in which a reader would want to see them fail. */
export const allSuites: readonly Suite[] = [
  nodes,
  namesAndData,
  versions,
  sequential,
  reads,
  transactions,
  sessions,
  sessionLoss,
  backendAlone,
  stoppedProcess,
  outcomes,
  givenUp,
  traits,
  watches,
  watchEnds,
  watchFaults,
  election,
  lead,
  electionLoss,
  electionWaiters,
  electionChurn,
  guarded,
  lock,
  readWriteLock,
  semaphore,
  crowd,
  discovery,
  discoveryFaults,
  discoveryViews,
  discoveryViewsFaults,
  discoveryNames,
  group,
  groupFaults,
  barrier,
  doubleBarrier,
  counter,
  config,
  workQueue,
  workQueueDone,
  workQueueLoss,
  workQueueSteps,
  partitioner,
  partitionerHandover,
  partitionerLoss,
];
