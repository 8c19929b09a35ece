import { after, before, describe, it } from "node:test";
import { systemClock } from "@conclave/api/backend";
import { allSuites, conformance, type Runner } from "@conclave/conformance";
import { minimalStore } from "./index.js";

const runner: Runner = {
  describe: (name, define) => void describe(name, define),
  it: Object.assign(
    (name: string, run: () => Promise<void>, timeout: number) => void it(name, { timeout }, run),
    { skip: (name: string, run: () => Promise<void>) => void it.skip(name, run) },
  ),
  beforeAll: (run, timeout) => before(run, { timeout }),
  afterAll: (run, timeout) => after(run, { timeout }),
};

const store = minimalStore();
const sessionTimeoutMs = 1_000;

conformance({
  runner,
  name: "minimal",
  capabilities: store.backend().capabilities,
  sessionTimeoutMs,
  offers: [],
  // While you work, some suites are enough. Leave this out to run all.
  suites: allSuites.filter(({ name }) => ["nodes", "reads", "transactions"].includes(name)),
  start: async () => ({
    name: "minimal",
    sessionTimeoutMs,
    expiryBoundMs: 100,
    clock: systemClock,
    client: async () => ({ backend: store.backend(), close: async () => {} }),
    stop: async () => {},
  }),
});
