import { memory } from "@conclave/backend-memory";
import { conformance } from "@conclave/conformance";
import { afterAll, beforeAll, describe, it } from "vitest";
import { memoryOffers, memoryTarget } from "./memory-target.js";

const sessionTimeoutMs = 1_000;

conformance({
  runner: { describe, it, beforeAll, afterAll },
  name: "memory",
  capabilities: memory().capabilities,
  sessionTimeoutMs,
  offers: memoryOffers,
  start: async () => memoryTarget({ sessionTimeoutMs }),
  reportFolder: new URL("../../../.conformance", import.meta.url).pathname,
});
