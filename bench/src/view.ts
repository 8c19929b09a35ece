import { type Coordinator, connect, type ServiceView } from "@conclave/api";
import type { Backend } from "@conclave/api/backend";
import { etcd } from "@conclave/backend-etcd";
import { MemoryCluster, memory } from "@conclave/backend-memory";
import { zookeeper } from "@conclave/backend-zookeeper";
import { startServer } from "@conclave/test-servers";
import { each, median, quantile } from "./measure.js";
import { requestsServed } from "./requests.js";

/*
 * What one change costs a live view of a service, by the number of its instances. Services of all sizes stand in one store at the
 * same time, each with its view, and take turns.
 */

const sizes = [100, 1_000, 10_000];
const rounds = 7;
const windowMs = 300;
const fewest = 4;
const payload = (port: number) => JSON.stringify({ address: "10.0.0.1", port });

interface Store {
  readonly backend: () => Backend;
  /** How many requests the store has answered, of whoever. */
  readonly requests: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

const stores: Record<string, () => Promise<Store>> = {
  async memory() {
    const cluster = new MemoryCluster();
    const { requests } = cluster;
    return { backend: () => memory({ cluster }), requests: async () => requests.total, stop: async () => {} };
  },
  async etcd() {
    const server = await startServer("etcd", {});
    return {
      backend: () => etcd({ hosts: server.url }),
      requests: () => requestsServed(server),
      stop: () => server.stop(),
    };
  },
  "zookeeper-typescript": () => startZooKeeper("typescript"),
  "zookeeper-native": () => startZooKeeper("native"),
};

async function startZooKeeper(driver: "native" | "typescript"): Promise<Store> {
  const server = await startServer("zookeeper", { tickTimeMs: 500 });
  return {
    backend: () => zookeeper({ hosts: server.url, driver }),
    requests: () => requestsServed(server),
    stop: () => server.stop(),
  };
}

/** One service and a view of it, on a connection of its own. */
interface Subject {
  readonly size: number;
  readonly path: string;
  readonly writer: Coordinator;
  readonly view: ServiceView;
}

/** Carries changes out, each of which the view shows as one event. */
type Changes = (subject: Subject, i: number, shown: () => Promise<void>) => Promise<number>;

const kinds: Record<string, Changes> = {
  async "an instance comes, and goes"({ writer, path }, i, shown) {
    await Promise.all([shown(), writer.create(`${path}/extra-${i}`, payload(1), { ephemeral: true })]);
    await Promise.all([shown(), writer.delete(`${path}/extra-${i}`)]);
    return 2;
  },
  async "a payload changes"({ writer, path }, i, shown) {
    await Promise.all([shown(), writer.set(`${path}/i0`, payload(1 + (i % 1_000)))]);
    return 1;
  },
  async "a payload changes, and all instances are read"({ writer, path, view }, i, shown) {
    await Promise.all([shown(), writer.set(`${path}/i0`, payload(1 + (i % 1_000)))]);
    if (view.instances.length === 0) throw new Error("the view is empty");
    return 1;
  },
};

interface Turn {
  readonly ms: number;
  /** Microseconds that this process, writer, view and in memory the store, kept a core busy. */
  readonly cpuUs: number;
  readonly requests: number;
}

async function turn(store: Store, subject: Subject, change: Changes): Promise<Turn> {
  const events = subject.view.changes()[Symbol.asyncIterator]();
  const shown = async () => {
    await events.next();
    if (subject.view.pick() === undefined) throw new Error("nothing to pick");
  };
  for (let i = 0; i < subject.size; i += 1) await events.next();
  for (let i = 0; i < 2; i += 1) await change(subject, i, shown);
  const before = await store.requests();
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  let changes = 0;
  for (let i = 0; changes < fewest || performance.now() - startMs < windowMs; i += 1) {
    changes += await change(subject, i, shown);
  }
  const { user, system } = process.cpuUsage(startCpu);
  const ms = (performance.now() - startMs) / changes;
  const requests = ((await store.requests()) - before) / changes;
  await events.return?.();
  return { ms, cpuUs: (user + system) / changes, requests };
}

async function prepare(store: Store, writer: Coordinator, size: number): Promise<Subject> {
  const [directory, name] = ["/services", `of-${size}`];
  const path = `${directory}/${name}`;
  await writer.create(path, "", { parents: true });
  await each({ count: size, width: 64 }, (i) =>
    writer.create(`${path}/i${i}`, payload(1), { ephemeral: true }),
  );
  const reader = await connect(store.backend());
  return { size, path, writer, view: await reader.discovery(directory).view(name) };
}

function print(title: string, turns: ReadonlyMap<Subject, readonly Turn[]>): void {
  console.log(`\n${title.padEnd(58)} ms    cpu us  requests  cpu / that of 100 (range)   ms / that of 100`);
  const [first = []] = turns.values();
  for (const [{ size }, done] of turns) {
    const ratio = (of: (turn: Turn) => number) => {
      // Of turns that came right after one another.
      const ratios = done.map((each, round) => of(each) / of(first[round] ?? each));
      return `${median(ratios).toFixed(2)} (${quantile(ratios, 0).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;
    };
    const columns = [
      `  ${size.toLocaleString("en")} instances`.padEnd(50),
      median(done.map(({ ms }) => ms))
        .toFixed(3)
        .padStart(10),
      median(done.map(({ cpuUs }) => cpuUs))
        .toFixed(0)
        .padStart(8),
      median(done.map(({ requests }) => requests))
        .toFixed(2)
        .padStart(8),
      ratio(({ cpuUs }) => cpuUs).padStart(26),
      ratio(({ ms }) => ms).padStart(26),
    ];
    console.log(columns.join(" "));
  }
}

const only = process.argv[2];
const chosen = Object.keys(stores).filter(
  (name) => only === undefined || name.split("-")[0] === only || name === only,
);
if (chosen.length === 0) {
  console.error(`usage: view.js [${Object.keys(stores).join(" | ")} | zookeeper]`);
  process.exit(2);
}
for (const [kind, start] of Object.entries(stores)) {
  if (!chosen.includes(kind)) continue;
  const store = await start();
  try {
    const writer = await connect(store.backend());
    const subjects: Subject[] = [];
    for (const size of sizes) subjects.push(await prepare(store, writer, size));
    for (const [name, change] of Object.entries(kinds)) {
      // Compiles, and is not counted.
      for (const subject of subjects) await turn(store, subject, change);
      const turns = new Map<Subject, Turn[]>(subjects.map((subject) => [subject, []]));
      for (let round = 0; round < rounds; round += 1) {
        for (const [subject, done] of turns) done.push(await turn(store, subject, change));
      }
      print(`${kind}: ${name}`, turns);
    }
  } finally {
    await store.stop();
  }
}
process.exit(0);
