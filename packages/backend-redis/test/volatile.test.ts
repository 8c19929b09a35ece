import { redis } from "@conclave/backend-redis";
import { expireSession } from "@conclave/backend-redis/testing";
import { allSuites, conformance } from "@conclave/conformance";
import { startRedis } from "@conclave/test-servers";
import { redisWire, serverOffers, serverTarget } from "@conclave/test-servers/target";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { create, direct, linearizable, setUp } from "./helpers.js";

const name = "redis without persistence";
const sessionTimeoutMs = 1_000;
const backend = (hosts: string) => redis({ hosts });

conformance({
  runner: { describe, it, beforeAll, afterAll },
  name,
  capabilities: backend("127.0.0.1").capabilities,
  sessionTimeoutMs,
  offers: serverOffers.filter((offer) => offer !== "writeForeign"),
  // Those in which a restart that empties the store makes a difference.
  suites: allSuites.filter((suite) => suite.name === "sessions"),
  start: async () =>
    serverTarget({
      name,
      server: await startRedis({ controllable: true, appendonly: false }),
      sessionTimeoutMs,
      expiryBoundMs: 250,
      backend,
      wire: redisWire,
      worker: new URL("./fixtures/volatile-process.mjs", import.meta.url),
      expireSession,
    }),
});

describe("a store that was emptied", () => {
  const setting = setUp(() => startRedis({ controllable: true, appendonly: false }));

  it("ends sessions visibly, and gives no revision a second time", async () => {
    const emptied = {
      "by FLUSHALL": () => direct(setting.server.url, (client) => client.flushall()),
      "by a restart": async () => setting.server.control?.restart(),
      "of its revision alone": () =>
        direct(setting.server.url, (client) => client.del(`conclave:{${setting.namespace}}`)),
    };
    let newest = 0n;
    for (const [how, empty] of Object.entries(emptied)) {
      const { session, facts } = await setting.open();
      await session.commit([create("/a", { parents: true })], undefined);
      for (let i = 0; i < 50; i++) {
        const [set] = await session.commit(
          [{ type: "set", path: "/a", data: new Uint8Array(), ifVersion: undefined }],
          undefined,
        );
        if (set?.type !== "set") throw new Error("no set");
        newest = set.modRevision;
      }
      await empty();
      if (how !== "of its revision alone") {
        await expect(session.renew(10_000)).rejects.toMatchObject({ code: "SESSION_LOST" });
        expect(facts.ends, how).toHaveLength(1);
      }
      // A client that has seen nothing of what was before.
      const { session: next } = await setting.open();
      await next.commit([create("/b")], undefined);
      const node = await next.get("/b", linearizable);
      expect(node?.createRevision, how).toBeGreaterThan(newest);
      await next.commit([{ type: "delete", path: "/b", ifVersion: undefined }], undefined);
    }
  });
});
