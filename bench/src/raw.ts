import { parseArgs } from "node:util";
import { startServer, type TestServer } from "@conclave/test-servers";
import { each, loops, median, quantile, windowOf } from "./measure.js";
import { etcdClients, type RawClient, redisClients, zookeeperClients } from "./raw-clients.js";
import { requestsServed } from "./requests.js";
import { serverCpuUs } from "./server-cpu.js";

/*
 * Single operations on a real server, by Conclave and by the plain clients that npm has for it. All clients are connected at
 * the same time and take turns, round after round, so that whatever slows the machine down for a while hits them alike.
 */

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
  /** The same of the server. */
  readonly serverUs: number;
  /** How many cores the two kept busy. */
  readonly cores: number;
  readonly serverCores: number;
}

async function turn(
  server: TestServer,
  client: RawClient,
  name: OperationName,
  width: number,
): Promise<Turn> {
  const key = (i: number) => (name === "create" ? `${base}/${i}` : base);
  const requestsBefore = await requestsServed(server);
  const startMs = performance.now();
  const startServerUs = serverCpuUs();
  const startCpu = process.cpuUsage();
  const { latenciesMs, issued } = await loops({ width, window: windowOf(windowMs) }, (i) =>
    client[name](key(i)),
  );
  const { user, system } = process.cpuUsage(startCpu);
  const serverUs = serverCpuUs() - startServerUs;
  const elapsedUs = (performance.now() - startMs) * 1_000;
  const requests = (await requestsServed(server)) - requestsBefore;
  // One by one: etcd 3.4 answers slowly for a while after many keys went in one request.
  if (name === "create") await each({ count: issued, width: 64 }, (i) => client.remove(key(i)));
  return {
    perSecond: (latenciesMs.length / windowMs) * 1_000,
    p50Ms: median(latenciesMs),
    requests: requests / issued,
    cpuUs: (user + system) / issued,
    serverUs: serverUs / issued,
    cores: (user + system) / elapsedUs,
    serverCores: serverUs / elapsedUs,
  };
}

async function compare(server: TestServer, clients: readonly RawClient[], rounds: number): Promise<void> {
  // Where all see one tree, only the first can.
  for (const client of clients) await client.create(base).catch(() => {});
  const measurements = operations.flatMap((name) =>
    inFlight.map((width) => ({ name, width, turns: clients.map((): Turn[] => []) })),
  );
  // The first round is the warm-up, of the server too: it compiles what it runs often.
  for (let round = 0; round <= rounds; round += 1) {
    for (const { name, width, turns } of measurements) {
      for (const [i, client] of clients.entries()) {
        const done = await turn(server, client, name, width);
        if (round > 0) turns[i]?.push(done);
      }
    }
  }
  for (const { name, width, turns } of measurements)
    print(`${server.kind} ${name}, ${width} in flight`, clients, turns);
  for (const client of clients) await client.remove(base).catch(() => {});
}

function print(title: string, clients: readonly RawClient[], turns: readonly (readonly Turn[])[]): void {
  const heads =
    "per second  lowest to highest    p50 ms requests   cpu us  server us        cores  ratio (range)";
  console.log(`\n${title.padEnd(30)} ${heads}`);
  const [first = []] = turns;
  for (const [i, done] of turns.entries()) {
    const rates = done.map((t) => t.perSecond);
    // Of turns that came right after one another.
    const ratios = rates
      .map((perSecond, round) => perSecond / (first[round]?.perSecond ?? Number.NaN))
      .filter(Number.isFinite);
    const typical = (field: keyof Turn, digits: number) => {
      const value = median(done.map((t) => t[field]));
      return Number.isNaN(value) ? "-" : value.toFixed(digits);
    };
    const columns = [
      `  ${clients[i]?.name}`.padEnd(30),
      whole(median(rates)).padStart(10),
      `${whole(Math.min(...rates))} to ${whole(Math.max(...rates))}`.padStart(18),
      typical("p50Ms", 3).padStart(9),
      typical("requests", 2).padStart(8),
      typical("cpuUs", 1).padStart(8),
      typical("serverUs", 1).padStart(10),
      `${typical("cores", 2)} + ${typical("serverCores", 2)}`.padStart(12),
      ` ${median(ratios).toFixed(2)} (${quantile(ratios, 0).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
    ];
    console.log(columns.join(" "));
  }
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

const { values, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "7" } },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
if (!(rounds >= 1) || positionals.some((given) => !kinds.some(([kind]) => kind === given))) {
  console.error("usage: raw.js [--rounds 7] [etcd] [redis] [zookeeper]");
  process.exit(2);
}

for (const [kind, connectAll] of kinds) {
  if (positionals.length > 0 && !positionals.includes(kind)) continue;
  const server = await startServer(kind, optionsOf(kind));
  const clients: RawClient[] = [];
  try {
    clients.push(...(await connectAll(server)));
    await compare(server, clients, rounds);
  } finally {
    for (const client of clients) await client.close();
    await server.stop();
  }
}
process.exit(0);
