import { zookeeper } from "@conclave/backend-zookeeper";
import { allSuites, conformance } from "@conclave/conformance";
import { startZooKeeperEnsemble } from "@conclave/test-servers";
import { serverOffers } from "@conclave/test-servers/target";
import { afterAll, beforeAll, describe, it } from "vitest";
import { ensembleTarget, ensembleTargetWithFaults } from "./ensemble/target.js";

const name = "zookeeper-ensemble";
const sessionTimeoutMs = 2_000;
const backend = (hosts: string) => zookeeper({ hosts });

/*
 * What needs a fault is proven on a single server; here, that clients of different members see one store. Everything, with all faults,
 * takes as long as on a single server: `CONCLAVE_ENSEMBLE=all npx vitest run packages/backend-zookeeper/test/conformance-ensemble`.
 */
const everything = process.env.CONCLAVE_ENSEMBLE === "all";
const basics = ["nodes", "versions and revisions", "sequential nodes", "reads", "transactions", "watches"];
const recipes = ["election", "lock", "discovery"];

conformance({
  runner: { describe, it, beforeAll, afterAll },
  name,
  capabilities: backend("127.0.0.1:2181").capabilities,
  sessionTimeoutMs,
  offers: everything ? serverOffers : [],
  suites: everything ? allSuites : allSuites.filter((suite) => [...basics, ...recipes].includes(suite.name)),
  concurrent: true,
  start: async () => {
    const ensemble = await startZooKeeperEnsemble({ maxSessionTimeoutMs: 60_000 });
    const options = { name, ensemble, sessionTimeoutMs, backend };
    return everything ? ensembleTargetWithFaults(options) : ensembleTarget(options);
  },
});
