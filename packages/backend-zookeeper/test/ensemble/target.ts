import { type Backend, systemClock } from "@conclave/api/backend";
import { expireSession } from "@conclave/backend-zookeeper/testing";
import type { ConformanceTarget } from "@conclave/conformance";
import type { ZooKeeperEnsemble } from "@conclave/test-servers";
import { serverTarget, zookeeperWire } from "@conclave/test-servers/target";
import { writeForeign } from "../foreign.js";

export interface EnsembleTargetOptions {
  readonly name: string;
  /** Started for this target alone, which stops it. */
  readonly ensemble: ZooKeeperEnsemble;
  readonly sessionTimeoutMs: number;
  backend(hosts: string): Backend;
}

// Sessions expire at ticks, of 100 ms; the rest is for a machine that has other things to do.
const expiryBoundMs = 1_500;

/** Each client at another member than the one before. */
export function ensembleTarget(options: EnsembleTargetOptions): ConformanceTarget {
  const { name, ensemble, sessionTimeoutMs, backend } = options;
  const urls = inTurn(ensemble.members.map(({ url }) => url));
  return {
    ...{ name, sessionTimeoutMs, expiryBoundMs, clock: systemClock },
    client: async () => ({ backend: backend(urls()), close: async () => {} }),
    stop: () => ensemble.stop(),
  };
}

/** The same with all faults of a single server; what is restarted are all members. */
export function ensembleTargetWithFaults(options: EnsembleTargetOptions): ConformanceTarget {
  const { name, ensemble, sessionTimeoutMs, backend } = options;
  const targets = inTurn(
    ensemble.members.map((server) =>
      serverTarget({
        ...{ name, server, sessionTimeoutMs, expiryBoundMs, backend },
        wire: zookeeperWire,
        worker: new URL("../fixtures/conformance-typescript.mjs", import.meta.url),
        expireSession,
        cutOffToExpire: true,
        writeForeign,
      }),
    ),
  );
  const first = targets();
  return {
    ...first,
    client: () => targets().client(),
    ...(first.process && { process: (namespace) => startProcess(targets(), namespace) }),
    restartServer: async () => {
      await Promise.all(ensemble.members.map(({ control }) => control?.restart()));
    },
    stop: () => ensemble.stop(),
  };
}

async function startProcess({ process }: ConformanceTarget, namespace: string) {
  if (process === undefined) throw new Error("the target has no processes");
  return process(namespace);
}

function inTurn<T>(values: readonly T[]): () => T {
  let turn = 0;
  return () => {
    const value = values[turn++ % values.length];
    if (value === undefined) throw new Error("nothing to choose from");
    return value;
  };
}
