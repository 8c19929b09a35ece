import { connect } from "@conclave/api";
import { etcd } from "@conclave/backend-etcd";
import { redis } from "@conclave/backend-redis";
import { type DriverName, zookeeper } from "@conclave/backend-zookeeper";
import type { TestServer } from "@conclave/test-servers";
import { connect as connectClient } from "@conclave/zookeeper-client";
import { Etcd3 } from "etcd3";
import { Redis } from "ioredis";
import nodeZooKeeperClient from "node-zookeeper-client";

/** The same three operations, by whichever client. */
export interface RawClient {
  readonly name: string;
  get(key: string): Promise<unknown>;
  set(key: string): Promise<unknown>;
  create(key: string): Promise<unknown>;
  remove(key: string): Promise<unknown>;
  close(): Promise<void>;
}

const { createClient } = nodeZooKeeperClient;

const data = Buffer.alloc(64, "x");
const sessionTimeoutMs = 10_000;

/** What can be measured on etcd; the first is what the others are compared with. */
export async function etcdClients({ url }: TestServer): Promise<RawClient[]> {
  const client = new Etcd3({ hosts: url });
  const { kv } = client;
  const coordinator = await connect(etcd({ hosts: url }), { sessionTimeoutMs });
  return [
    {
      name: "etcd3",
      get: (key) => client.get(key).buffer(),
      set: (key) => client.put(key).value(data).exec(),
      create: (key) => client.if(key, "Create", "==", 0).then(client.put(key).value(data)).commit(),
      remove: (key) => client.delete().key(key).exec(),
      async close() {
        client.close();
      },
    },
    {
      name: "etcd3, its RPC client",
      get: (key) => kv.range({ key: Buffer.from(key) }),
      set: (key) => kv.put({ key: Buffer.from(key), value: data }),
      create: (key) =>
        kv.txn({
          compare: [{ key: Buffer.from(key), target: "Create", result: "Equal", create_revision: "0" }],
          success: [{ request_put: { key: Buffer.from(key), value: data } }],
        }),
      remove: (key) => kv.deleteRange({ key: Buffer.from(key) }),
      async close() {},
    },
    {
      name: "conclave",
      get: (key) => coordinator.get(key),
      set: (key) => coordinator.set(key, data),
      create: (key) => coordinator.create(key, data),
      remove: (key) => coordinator.delete(key),
      close: () => coordinator.close(),
    },
  ];
}

/** What can be measured on Redis; the first is what the others are compared with. */
export async function redisClients({ url }: TestServer): Promise<RawClient[]> {
  const client = new Redis(url);
  const empty = String(await client.script("LOAD", "return {0}"));
  const runEmpty = (key: string) => client.evalsha(empty, 1, key, data);
  const coordinator = await connect(redis({ hosts: url }), { sessionTimeoutMs });
  return [
    {
      name: "ioredis",
      get: (key) => client.getBuffer(key),
      set: (key) => client.set(key, data),
      create: (key) => client.set(key, data, "NX"),
      remove: (key) => client.del(key),
      async close() {
        client.disconnect();
      },
    },
    {
      // What the server asks for a script as such.
      name: "ioredis, an empty script",
      get: runEmpty,
      set: runEmpty,
      create: runEmpty,
      remove: async () => {},
      async close() {},
    },
    {
      name: "conclave",
      get: (key) => coordinator.get(key),
      set: (key) => coordinator.set(key, data),
      create: (key) => coordinator.create(key, data),
      remove: (key) => coordinator.delete(key),
      close: () => coordinator.close(),
    },
  ];
}

/** What can be measured on ZooKeeper; the first is what the others are compared with. */
export async function zookeeperClients({ url }: TestServer): Promise<RawClient[]> {
  const script = await plainJavaScript(url);
  const client = await connectClient({ servers: url, sessionTimeoutMs });
  const clients: RawClient[] = [
    {
      name: "node-zookeeper-client",
      get: (key) => promised((done) => script.getData(key, done)),
      set: (key) => promised((done) => script.setData(key, data, done)),
      create: (key) => promised((done) => script.create(key, data, done)),
      remove: (key) => promised((done) => script.remove(key, done)),
      async close() {
        script.close();
      },
    },
    {
      name: "@conclave/zookeeper-client",
      get: (key) => client.getData(key),
      set: (key) => client.setData(key, data),
      create: (key) => client.create(key, data),
      remove: (key) => client.delete(key),
      close: () => client.close(),
    },
    await throughConclave("conclave", url, "typescript"),
  ];
  const native = await nativeZooKeeper(url);
  if (native === undefined) return clients;
  return [native, ...clients, await throughConclave("conclave, native driver", url, "native")];
}

/** `node-zookeeper-client` takes callbacks. */
function promised(call: (done: (error: unknown, value?: unknown) => void) => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error ? reject(error) : resolve(value)));
  });
}

function plainJavaScript(url: string) {
  const client = createClient(url, { sessionTimeout: sessionTimeoutMs });
  return new Promise<typeof client>((resolve) => {
    client.once("connected", () => resolve(client));
    client.connect();
  });
}

async function throughConclave(name: string, hosts: string, driver: DriverName): Promise<RawClient> {
  const coordinator = await connect(zookeeper({ hosts, driver }), { sessionTimeoutMs });
  return {
    name,
    get: (key) => coordinator.get(key),
    set: (key) => coordinator.set(key, data),
    create: (key) => coordinator.create(key, data),
    remove: (key) => coordinator.delete(key),
    close: () => coordinator.close(),
  };
}

/** The part of the npm package `zookeeper` that is used here. It need not be installed. */
interface NativeClient {
  once(event: "connect", listener: () => void): void;
  init(options: object): void;
  get(path: string, watch: boolean): Promise<unknown>;
  set(path: string, data: Buffer, version: number): Promise<unknown>;
  create(path: string, data: Buffer, flags: number): Promise<unknown>;
  delete_(path: string, version: number): Promise<unknown>;
  close(): void;
}
interface NativePackage {
  readonly default: { readonly Promise: new (options: object) => NativeClient };
}

const nativePackage: string = "zookeeper";

async function nativeZooKeeper(url: string): Promise<RawClient | undefined> {
  let module: NativePackage;
  try {
    module = (await import(nativePackage)) as NativePackage;
  } catch {
    return undefined;
  }
  const client = new module.default.Promise({
    connect: url,
    timeout: sessionTimeoutMs,
    debug_level: 1,
    host_order_deterministic: true,
    data_as_buffer: true,
  });
  await new Promise<void>((resolve) => {
    client.once("connect", resolve);
    client.init({});
  });
  const anyVersion = -1;
  return {
    name: nativePackage,
    get: (key) => client.get(key, false),
    set: (key) => client.set(key, data, anyVersion),
    create: (key) => client.create(key, data, 0),
    remove: (key) => client.delete_(key, anyVersion),
    async close() {
      client.close();
    },
  };
}
