import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Coordinator, connect } from "@conclave/api";
import { MemoryCluster, memory } from "@conclave/backend-memory";
import { each, median, type Rate, rate } from "./measure.js";

/*
 * What the in-memory backend does in a second through the public interface, and what its size does to that.
 * Each measurement is a process of its own, so that none inherits another's heap or compiled code, and their rounds take turns.
 */

const width = 64;
const rounds = 5;
/** Long enough that no session is lost to a loop which keeps the timers waiting. */
const sessionTimeoutMs = 600_000;
const data = new Uint8Array(64).fill(7);

/** Rates by name; of those that grow, one for each tenth of the way. */
type Measurement = () => Promise<Readonly<Record<string, readonly Rate[]>>>;

const measurements: Record<string, Measurement> = {
  async get() {
    const coordinator = await connect(memory(), { sessionTimeoutMs });
    await coordinator.create("/node", data);
    const get = () => coordinator.get("/node");
    await each({ count: 200_000, width }, get);
    return { get: [await rate({ count: 1_000_000, width }, get)] };
  },

  async set() {
    const coordinator = await connect(memory(), { sessionTimeoutMs });
    await coordinator.create("/node", data);
    const set = () => coordinator.set("/node", data);
    await each({ count: 50_000, width }, set);
    return { set: [await rate({ count: 200_000, width }, set)] };
  },

  async create() {
    await createMany(20_000);
    return { create: [await createMany(100_000)] };
  },

  async nodes() {
    await createMany(20_000);
    const coordinator = await connect(memory(), { sessionTimeoutMs });
    await coordinator.create("/many");
    const creating = await tenths(100_000, (i) => coordinator.create(`/many/n${i}`, data));
    const deleting = await tenths(100_000, (i) => coordinator.delete(`/many/n${i}`));
    return { "create, up to 100,000 nodes": creating, "delete, from 100,000 nodes": deleting };
  },

  async sessions() {
    await openMany(1_000);
    const { opening, closing } = await openMany(10_000);
    return { "open, up to 10,000 sessions": opening, "close, from 10,000 sessions": closing };
  },
};

async function createMany(count: number): Promise<Rate> {
  const coordinator = await connect(memory(), { sessionTimeoutMs });
  await coordinator.create("/many");
  const result = await rate({ count, width }, (i) => coordinator.create(`/many/n${i}`, data));
  await coordinator.close();
  return result;
}

/** Sessions of one store, each with an ephemeral node. */
async function openMany(count: number): Promise<{ opening: Rate[]; closing: Rate[] }> {
  const cluster = new MemoryCluster();
  const root = await connect(memory({ cluster }), { sessionTimeoutMs });
  await root.create("/alive");
  const coordinators: Coordinator[] = [];
  const opening = await tenths(count, async (i) => {
    const coordinator = await connect(memory({ cluster }), { sessionTimeoutMs });
    await coordinator.create(`/alive/s${i}`, "", { ephemeral: true });
    coordinators.push(coordinator);
  });
  const closing = await tenths(count, async (i) => coordinators[i]?.close());
  await root.close();
  return { opening, closing };
}

async function tenths(count: number, operation: (i: number) => Promise<unknown>): Promise<Rate[]> {
  const rates: Rate[] = [];
  for (let tenth = 0; tenth < 10; tenth += 1) {
    rates.push(await rate({ first: (tenth * count) / 10, count: count / 10, width }, operation));
  }
  return rates;
}

function inAProcess(name: string): Record<string, Rate[]> {
  const output = execFileSync(process.execPath, [fileURLToPath(import.meta.url), name], { encoding: "utf8" });
  return JSON.parse(output);
}

function print(name: string, runs: readonly (readonly Rate[])[]): void {
  const overall = runs.map((rates) => harmonicMean(rates.map((r) => r.perSecond)));
  const cpu = runs.map((rates) => harmonicMean(rates.map((r) => r.perCpuSecond)));
  const growth = runs.map((rates) => (rates[0]?.perCpuSecond ?? 0) / (rates.at(-1)?.perCpuSecond ?? 0));
  const range = `${whole(Math.min(...overall))} to ${whole(Math.max(...overall))}`;
  const columns = [name.padEnd(28), whole(median(overall)).padStart(10), range.padStart(24)];
  columns.push(whole(median(cpu)).padStart(10));
  if (runs.some((rates) => rates.length > 1)) columns.push(median(growth).toFixed(2).padStart(12));
  console.log(columns.join("  "));
}

/** The rate of equal parts that were done one after another. */
function harmonicMean(rates: readonly number[]): number {
  return rates.length / rates.reduce((sum, perSecond) => sum + 1 / perSecond, 0);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

async function main(): Promise<void> {
  const only = process.argv[2];
  const measure = only === undefined ? undefined : measurements[only];
  if (measure !== undefined) {
    console.log(JSON.stringify(await measure()));
    // Sessions that are still open would keep the process.
    process.exit(0);
  }
  if (only !== undefined) {
    console.error(`usage: memory.js [${Object.keys(measurements).join(" | ")}]`);
    process.exit(2);
  }
  const results = new Map<string, Rate[][]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const name of Object.keys(measurements)) {
      for (const [row, rates] of Object.entries(inAProcess(name))) {
        results.set(row, [...(results.get(row) ?? []), rates]);
      }
    }
  }
  console.log(
    `${"".padEnd(28)}  ${"per second".padStart(10)}  ${"lowest to highest".padStart(24)}  per CPU s  last / first`,
  );
  for (const [name, runs] of results) print(name, runs);
}

await main();
