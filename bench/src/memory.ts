import { type Coordinator, connect } from "@conclave/api";
import { MemoryCluster, memory } from "@conclave/backend-memory";

// Throughput of the in-memory backend through the public interface, and what its size does to it.
// node bench/dist/memory.js

const inFlight = 64;
const rounds = 5;
/** Long enough that a loop which never lets timers run does not lose its session. */
const sessionTimeoutMs = 600_000;

/** Runs `operation` for `count` numbers, `inFlight` at a time; returns operations per second. */
async function rate(
  count: number,
  first: number,
  operation: (i: number) => Promise<unknown>,
): Promise<number> {
  const startMs = performance.now();
  let next = first;
  const worker = async () => {
    while (next < first + count) {
      const i = next;
      next += 1;
      await operation(i);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return (count / (performance.now() - startMs)) * 1_000;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function print(what: string, perSecond: readonly number[], target?: number): void {
  const [low, mid, high] = [Math.min(...perSecond), median(perSecond), Math.max(...perSecond)].map((n) =>
    Math.round(n).toLocaleString("en"),
  );
  const goal = target === undefined ? "" : `   target ${target.toLocaleString("en")}`;
  console.log(`${what.padEnd(44)} ${mid}/s (${low} to ${high})${goal}`);
}

async function throughput(coordinator: Coordinator): Promise<void> {
  const data = new Uint8Array(64).fill(7);
  await coordinator.create("/gets", data);
  await coordinator.create("/creates");
  const [gets, sets, creates]: number[][] = [[], [], []];
  await rate(100_000, 0, () => coordinator.get("/gets"));
  for (let round = 0; round < rounds; round += 1) {
    gets?.push(await rate(500_000, 0, () => coordinator.get("/gets")));
    sets?.push(await rate(100_000, 0, () => coordinator.set("/gets", data)));
    creates?.push(await rate(50_000, round * 50_000, (i) => coordinator.create(`/creates/n${i}`, data)));
  }
  print("get, 64 in flight", gets ?? [], 500_000);
  print("set, 64 in flight, 64 bytes", sets ?? []);
  print("create, 64 in flight, 64 bytes", creates ?? [], 100_000);
}

/** The cost of a create does not grow with what is there: each tenth of the way, measured alone. */
async function nodes(): Promise<void> {
  const coordinator = await connect(memory(), { sessionTimeoutMs });
  await coordinator.create("/many");
  const tenths: number[] = [];
  for (let tenth = 0; tenth < 10; tenth += 1) {
    tenths.push(await rate(10_000, tenth * 10_000, (i) => coordinator.create(`/many/n${i}`)));
  }
  print("create, nodes 0 to 10,000", tenths.slice(0, 1));
  print("create, nodes 90,000 to 100,000", tenths.slice(-1));
  await coordinator.close();
}

/** 10,000 sessions, each with an ephemeral node: opening, and closing again. */
async function sessions(): Promise<void> {
  const cluster = new MemoryCluster();
  const root = await connect(memory({ cluster }), { sessionTimeoutMs });
  await root.create("/alive");
  const opened: Coordinator[] = [];
  const tenths: number[] = [];
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const open = async (i: number) => {
      const coordinator = await connect(memory({ cluster }), { sessionTimeoutMs });
      await coordinator.create(`/alive/s${i}`, "", { ephemeral: true });
      opened.push(coordinator);
    };
    tenths.push(await rate(1_000, tenth * 1_000, open));
  }
  print("session with an ephemeral node, 0 to 1,000", tenths.slice(0, 1));
  print("session with an ephemeral node, 9,000 to 10,000", tenths.slice(-1));
  print("close a session, of 10,000", [await rate(opened.length, 0, async (i) => opened[i]?.close())]);
  await root.close();
}

const coordinator = await connect(memory(), { sessionTimeoutMs });
await throughput(coordinator);
await coordinator.close();
await nodes();
await sessions();
