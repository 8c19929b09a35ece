import { systemClock } from "@conclave/api/backend";
import { conformance } from "@conclave/conformance";
import { afterAll, beforeAll, describe, it } from "vitest";
import { minimalStore } from "../dist/minimal-backend/index.js";

const store = minimalStore();
const sessionTimeoutMs = 1_000;

conformance({
  runner: { describe, it, beforeAll, afterAll },
  name: "minimal",
  capabilities: store.backend().capabilities,
  sessionTimeoutMs,
  offers: ["expireSession"],
  start: async () => ({
    name: "minimal",
    sessionTimeoutMs,
    expiryBoundMs: 100,
    clock: systemClock,
    client: async () => ({ backend: store.backend(), close: async () => {} }),
    expireSession: async ({ id }) => store.expireSession(id),
    stop: async () => {},
  }),
});
