import { randomBytes } from "node:crypto";
import { type Coordinator, connect } from "@conclave/api";
import { etcd } from "@conclave/backend-etcd";
import { redis } from "@conclave/backend-redis";
import { zookeeper } from "@conclave/backend-zookeeper";

const stores = {
  zk: (server: string) => zookeeper({ hosts: server }),
  etcd: (server: string) => etcd({ hosts: server }),
  redis: (server: string) => redis({ hosts: server }),
};

/** What the program was asked for: `STORE WORKLOAD HOST:PORT --seconds S --clients C`. */
export interface Arguments {
  readonly store: keyof typeof stores;
  readonly workload: string;
  readonly server: string;
  readonly seconds: number;
  readonly clients: number;
  /** Everything that a run writes stands below this path. */
  readonly base: string;
}

export function parseArguments(given: readonly string[]): Arguments {
  const [store, workload, server, ...rest] = given;
  if (
    (store !== "zk" && store !== "etcd" && store !== "redis") ||
    workload === undefined ||
    server === undefined
  ) {
    console.error("usage: peer.js zk|etcd|redis WORKLOAD HOST:PORT [--seconds S] [--clients C]");
    process.exit(2);
  }
  const option = (name: string) => rest[rest.indexOf(`--${name}`) + 1];
  const has = (name: string) => rest.includes(`--${name}`);
  return {
    store,
    workload,
    server,
    seconds: has("seconds") ? Number(option("seconds")) : 2,
    clients: has("clients") ? Number(option("clients")) : 1,
    base: (has("path") && option("path")) || `/peer-${process.pid}-${randomBytes(4).toString("hex")}`,
  };
}

export function open({ store, server }: Arguments, sessionTimeoutMs = 10_000): Promise<Coordinator> {
  return connect(stores[store](server), { sessionTimeoutMs });
}

export function openAll(given: Arguments, count: number): Promise<Coordinator[]> {
  return Promise.all(Array.from({ length: count }, () => open(given)));
}
