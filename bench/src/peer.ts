import { type Arguments, parseArguments } from "./peer/arguments.js";
import { discoveryChurn } from "./peer/churn.js";
import { crashLeader, electCrash, electGraceful } from "./peer/election.js";
import { watchFanout } from "./peer/fanout.js";
import { lockContended, lockUncontended } from "./peer/lock.js";
import { rawCreate, rawGet, rawSet } from "./peer/raw.js";

/*
 * Conclave as a peer of other libraries in a benchmark that they share: one workload on a server that runs already, one line of
 * JSON. Every measured window comes after a warm-up of half its length; setting up and cleaning up are outside it.
 */

const workloads: Readonly<Record<string, (given: Arguments) => Promise<unknown>>> = {
  "raw-get": rawGet,
  "raw-set": rawSet,
  "raw-create": rawCreate,
  "lock-uncontended": lockUncontended,
  "lock-contended": lockContended,
  "elect-graceful": electGraceful,
  "elect-crash": electCrash,
  "crash-leader": crashLeader,
  "watch-fanout": watchFanout,
  "discovery-churn": discoveryChurn,
};

const given = parseArguments(process.argv.slice(2));
const run = workloads[given.workload];
if (run === undefined) throw new Error(`no such workload: ${given.workload}`);
await run(given);
process.exit(0);
