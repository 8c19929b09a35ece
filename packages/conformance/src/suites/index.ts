import type { Suite } from "../suite.js";
import { traits } from "../traits/index.js";
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
import { group } from "./group.js";
import { groupFaults } from "./group-faults.js";
import { guarded } from "./guarded.js";
import { lead } from "./lead.js";
import { lock } from "./lock.js";
import { nodes } from "./nodes.js";
import { outcomes } from "./outcomes.js";
import { partitioner } from "./partitioner.js";
import { partitionerLoss } from "./partitioner-loss.js";
import { readWriteLock } from "./read-write-lock.js";
import { reads } from "./reads.js";
import { semaphore } from "./semaphore.js";
import { sequential } from "./sequential.js";
import { sessionLoss } from "./session-loss.js";
import { sessions } from "./sessions.js";
import { transactions } from "./transactions.js";
import { versions } from "./versions.js";
import { watchFaults } from "./watch-faults.js";
import { watches } from "./watches.js";
import { workQueue } from "./work-queue.js";
import { workQueueLoss } from "./work-queue-loss.js";

/** All suites, in the order in which a reader would want to see them fail. */
export const allSuites: readonly Suite[] = [
  nodes,
  versions,
  sequential,
  reads,
  transactions,
  sessions,
  sessionLoss,
  outcomes,
  traits,
  watches,
  watchFaults,
  election,
  lead,
  electionLoss,
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
  workQueueLoss,
  partitioner,
  partitionerLoss,
];
