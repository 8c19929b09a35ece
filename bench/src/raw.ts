import { startServer, type TestServer } from "@conclave/test-servers";
import { each, loops, median, quantile, windowOf } from "./measure.js";
import { etcdClients, type RawClient, redisClients, zookeeperClients } from "./raw-clients.js";
import { requestsServed, serverCpuUs } from "./requests.js";

/*
 * Single operations on a real server, by Conclave and by the plain clients that npm has for it. All clients are connected at
 * the same time and take turns, round after round, so that whatever slows the machine down for a while hits them alike.
 */

const rounds = 7;
const windowMs = 250;
const inFlight = [1, 64];
const operations = ["get", "set", "create"] as const;
const base = `/bench-${process.pid}`;

type OperationName = (typeof operations)[number];

interface Turn {
  readonly perSecond: number;
  readonly p50Ms: number;
  /** Requests that the server answered, for each operation. */
  readonly requests: number;
  /** Microseconds that this process kept a core busy, for each operation: hardly changed by what else runs. */
  readonly cpuUs: number;
  /** Microseconds that the server did, where it tells. */
  readonly serverUs: number;
}

async function turn(
  server: TestServer,
  client: RawClient,
  name: OperationName,
  width: number,
): Promise<Turn> {
  const key = (i: number) => (name === "create" ? `${base}/${i}` : base);
  const before = await requestsServed(server);
  const serverBefore = await serverCpuUs(server);
  const startCpu = process.cpuUsage();
  const { latenciesMs, issued } = await loops({ width, window: windowOf(windowMs) }, (i) =>
    client[name](key(i)),
  );
  const { user, system } = process.cpuUsage(startCpu);
  const serverUs = ((await serverCpuUs(server)) - serverBefore) / issued;
  const requests = ((await requestsServed(server)) - before) / issued;
  // One by one: etcd 3.4 answers slowly for a while after many keys went in one request.
  if (name === "create") await each({ count: issued, width: 64 }, (i) => client.remove(key(i)));
  const perSecond = (latenciesMs.length / windowMs) * 1_000;
  return { perSecond, p50Ms: median(latenciesMs), requests, cpuUs: (user + system) / issued, serverUs };
}

async function compare(server: TestServer, clients: readonly RawClient[]): Promise<void> {
  const [reference] = clients;
  if (reference === undefined) return;
  // Where all see one tree, only the first can.
  for (const client of clients) await client.create(base).catch(() => {});
  for (const name of operations) for (const client of clients) await turn(server, client, name, 64);
  for (const name of operations) {
    for (const width of inFlight) {
      const turns = new Map<RawClient, Turn[]>(clients.map((client) => [client, []]));
      for (let round = 0; round < rounds; round += 1) {
        for (const [client, done] of turns) done.push(await turn(server, client, name, width));
      }
      print(`${server.kind} ${name}, ${width} in flight`, turns);
    }
  }
  for (const client of clients) await client.remove(base).catch(() => {});
}

function print(title: string, turns: ReadonlyMap<RawClient, readonly Turn[]>): void {
  console.log(
    `\n${title.padEnd(30)} ${"per second".padStart(10)}  lowest to highest    p50 ms requests   cpu us server us ratio (range)`,
  );
  const [first = []] = turns.values();
  for (const [client, done] of turns) {
    const rates = done.map((t) => t.perSecond);
    // Of turns that came right after one another.
    const ratios = rates
      .map((perSecond, round) => perSecond / (first[round]?.perSecond ?? Number.NaN))
      .filter(Number.isFinite);
    const columns = [
      `  ${client.name}`.padEnd(30),
      whole(median(rates)).padStart(10),
      `${whole(Math.min(...rates))} to ${whole(Math.max(...rates))}`.padStart(18),
      fixed(
        done.map((t) => t.p50Ms),
        3,
      ),
      fixed(
        done.map((t) => t.requests),
        2,
      ),
      fixed(
        done.map((t) => t.cpuUs),
        1,
      ),
      fixed(
        done.map((t) => t.serverUs),
        1,
      ),
      ` ${median(ratios).toFixed(2)} (${quantile(ratios, 0).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
    ];
    console.log(columns.join(" "));
  }
}

function fixed(values: readonly number[], digits: number): string {
  const value = median(values);
  return (Number.isNaN(value) ? "-" : value.toFixed(digits)).padStart(8);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

const kinds = [
  ["etcd", etcdClients],
  ["redis", redisClients],
  ["zookeeper", zookeeperClients],
] as const;

/** Redis without its log, so that what is measured is neither the disk nor whoever else uses it. */
function optionsOf(kind: (typeof kinds)[number][0]) {
  if (kind === "zookeeper") return { tickTimeMs: 500 };
  return kind === "redis" ? ({ appendonly: false } as const) : {};
}

const only = process.argv[2];
if (only !== undefined && !kinds.some(([kind]) => kind === only)) {
  console.error("usage: raw.js [etcd | redis | zookeeper]");
  process.exit(2);
}

for (const [kind, connectAll] of kinds) {
  if (only !== undefined && only !== kind) continue;
  const server = await startServer(kind, optionsOf(kind));
  const clients: RawClient[] = [];
  try {
    clients.push(...(await connectAll(server)));
    await compare(server, clients);
  } finally {
    for (const client of clients) await client.close();
    await server.stop();
  }
}
process.exit(0);
