import { etcd } from "@conclave/backend-etcd";
import { compact, expireSession } from "@conclave/backend-etcd/testing";
import { conformance } from "@conclave/conformance";
import { startEtcd } from "@conclave/test-servers";
import { etcdWire, serverOffers, serverTarget } from "@conclave/test-servers/target";
import { Etcd3 } from "etcd3";
import { afterAll, beforeAll, describe, it } from "vitest";

const name = "etcd";
const sessionTimeoutMs = 1_000;
const backend = (hosts: string) => etcd({ hosts });

conformance({
  runner: { describe, it, beforeAll, afterAll },
  name,
  capabilities: backend("127.0.0.1:2379").capabilities,
  sessionTimeoutMs,
  offers: [...serverOffers, "compact"],
  concurrent: true,
  start: async () =>
    serverTarget({
      name,
      server: await startEtcd({ controllable: true }),
      sessionTimeoutMs,
      // etcd looks for expired leases twice a second.
      expiryBoundMs: 1_500,
      backend,
      wire: etcdWire,
      worker: new URL("./fixtures/conformance-process.mjs", import.meta.url),
      expireSession,
      compact,
      writeForeign: async (url, key, data) => {
        const client = new Etcd3({ hosts: url });
        try {
          await client.put(key).value(Buffer.from(data));
        } finally {
          client.close();
        }
      },
    }),
  reportFolder: new URL("../../../.conformance", import.meta.url).pathname,
});
