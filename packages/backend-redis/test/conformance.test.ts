import { redis } from "@conclave/backend-redis";
import { expireSession, trimChanges } from "@conclave/backend-redis/testing";
import { conformance } from "@conclave/conformance";
import { startRedis } from "@conclave/test-servers";
import { redisWire, serverOffers, serverTarget } from "@conclave/test-servers/target";
import { afterAll, beforeAll, describe, it } from "vitest";
import { auth, user } from "./access.js";

const name = "redis";
const sessionTimeoutMs = 1_000;
// As a user with the permissions that are documented, and no others.
const backend = (hosts: string) => redis({ hosts, persistence: "everysec", auth });

conformance({
  runner: { describe, it, beforeAll, afterAll },
  name,
  capabilities: backend("127.0.0.1").capabilities,
  sessionTimeoutMs,
  // Redis has no notion of a path, so that the keys of other programs are never nodes: see docs/backends.md.
  offers: [...serverOffers.filter((offer) => offer !== "writeForeign"), "compact"],
  concurrent: true,
  start: async () =>
    serverTarget({
      name,
      // The server is killed for a restart: with "everysec" it could lose what it had acknowledged, as is declared.
      server: await startRedis({
        controllable: true,
        appendonly: "always",
        config: { user: user.atServers },
      }),
      sessionTimeoutMs,
      expiryBoundMs: 250,
      backend,
      wire: redisWire,
      worker: new URL("./fixtures/conformance-process.mjs", import.meta.url),
      expireSession,
      compact: trimChanges,
    }),
  reportFolder: new URL("../../../.conformance", import.meta.url).pathname,
});
