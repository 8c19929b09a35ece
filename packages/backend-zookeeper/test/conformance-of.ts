import { zookeeper } from "@conclave/backend-zookeeper";
import { expireSession } from "@conclave/backend-zookeeper/testing";
import { conformance } from "@conclave/conformance";
import { addonMissing, startZooKeeper } from "@conclave/test-servers";
import { serverOffers, serverTarget, zookeeperWire } from "@conclave/test-servers/target";
import { afterAll, beforeAll, describe, it } from "vitest";
import { writeForeign } from "./foreign.js";

const sessionTimeoutMs = 1_500;

/** The whole suite, with one of the two drivers. */
export function conformanceOf(name: string, driver: "native" | "typescript"): void {
  const backend = (hosts: string) => zookeeper({ hosts, driver });
  conformance({
    runner: { describe, it, beforeAll, afterAll },
    name,
    capabilities: backend("127.0.0.1:2181").capabilities,
    sessionTimeoutMs,
    offers: serverOffers,
    missing: driver === "native" ? addonMissing() : undefined,
    concurrent: true,
    start: async () =>
      serverTarget({
        name,
        // A restart of the server takes longer than the usual twenty ticks.
        server: await startZooKeeper({ controllable: true, maxSessionTimeoutMs: 60_000 }),
        sessionTimeoutMs,
        // Sessions expire at ticks, of 100 ms; the rest is for a machine that has other things to do.
        expiryBoundMs: 1_500,
        backend,
        wire: zookeeperWire,
        worker: new URL(`./fixtures/conformance-${driver}.mjs`, import.meta.url),
        expireSession,
        cutOffToExpire: true,
        writeForeign,
      }),
    reportFolder: new URL("../../../.conformance", import.meta.url).pathname,
  });
}
