/** The clauses of the contract, as `docs/spec` numbers them. Every one needs a test. */
export const clauses = {
  node: ["NODE-1", "NODE-2", "NODE-3", "NODE-4", "NODE-5", "NODE-6", "NODE-7", "NODE-8", "NODE-9", "NODE-10"],
  read: ["READ-1", "READ-2"],
  transaction: ["TXN-1", "TXN-2"],
  session: ["SES-1", "SES-2", "SES-3", "SES-4", "SES-5", "SES-6", "SES-7", "SES-8", "SES-9", "SES-10"],
  outcome: ["OUT-1", "OUT-2", "OUT-3", "OUT-4"],
  watch: ["WATCH-1", "WATCH-2", "WATCH-3", "WATCH-4", "WATCH-5", "WATCH-6", "WATCH-7"],
  election: [
    "LEAD-1",
    "LEAD-2",
    "LEAD-3",
    "LEAD-4",
    "LEAD-5",
    "LEAD-6",
    "LEAD-7",
    "LEAD-8",
    "LEAD-9",
    "LEAD-10",
  ],
  lock: ["RW-1", "RW-2", "SEM-1", "SEM-2", "SEM-3"],
  discovery: ["DISC-1", "DISC-2", "DISC-3", "DISC-4", "DISC-5", "DISC-6", "DISC-7", "DISC-8"],
  group: ["GRP-1", "GRP-2", "GRP-3", "GRP-4", "GRP-5"],
  barrier: ["BAR-1", "BAR-2", "BAR-3", "BAR-4", "BAR-5", "BAR-6", "BAR-7"],
  counter: ["CNT-1", "CNT-2", "CNT-3", "CNT-4", "CNT-5", "CNT-6"],
  config: ["CFG-1", "CFG-2", "CFG-3", "CFG-4"],
  queue: ["QUEUE-1", "QUEUE-2", "QUEUE-3", "QUEUE-4", "QUEUE-5", "QUEUE-6", "QUEUE-7", "QUEUE-8"],
  partitioner: ["PART-1", "PART-2", "PART-3", "PART-4", "PART-5", "PART-6", "PART-7", "PART-8"],
} as const;

export type Clause = (typeof clauses)[keyof typeof clauses][number];

export const allClauses: readonly Clause[] = Object.values(clauses).flat();
