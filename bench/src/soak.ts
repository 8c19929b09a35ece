import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Coordinator, connect } from "@conclave/api";
import { zookeeper } from "@conclave/backend-zookeeper";
import { startServer } from "@conclave/test-servers";

/*
 * Whether anything is left behind by a great number of operations: the heap, after collection, at each tenth of the way.
 * Each worker creates a node, watches it, changes, reads and deletes it, sees each change through its watch, and ends that; a view of
 * all of them stands beside.
 */

const { values } = parseArgs({
  options: {
    operations: { type: "string", default: "1000000" },
    driver: { type: "string", default: "typescript" },
  },
});
const operations = Number(values.operations);
const driver = values.driver === "native" ? "native" : "typescript";
if (!(operations >= 10_000) || driver !== values.driver) {
  console.error("usage: soak.js [--operations 1000000] [--driver typescript | native]");
  process.exit(2);
}

const width = 64;
/** Create, watch, set, get, delete. */
const operationsPerTurn = 5;
const parts = 10;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

interface Sizes {
  readonly heap: number;
  readonly resident: number;
}

async function sizes(): Promise<Sizes> {
  // Twice: the first collection lets finalizers run.
  for (let i = 0; i < 2; i += 1) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}

let fired = 0;

async function turn(coordinator: Coordinator, path: string, i: number): Promise<void> {
  await coordinator.create(path, `${i}`, { ephemeral: i % 2 === 0 });
  const states = coordinator.watch(path)[Symbol.asyncIterator]();
  await states.next();
  await Promise.all([states.next(), coordinator.set(path, "changed")]);
  await coordinator.get(path);
  await Promise.all([states.next(), coordinator.delete(path)]);
  await states.return?.();
  fired += 2;
}

async function main(): Promise<void> {
  const server = await startServer("zookeeper", { tickTimeMs: 500 });
  try {
    const backend = zookeeper({ hosts: server.url, driver });
    const coordinator = await connect(backend, { namespace: "/soak", sessionTimeoutMs: 10_000 });
    await coordinator.create("/nodes");
    let seen = 0;
    const view = async () => {
      for await (const children of coordinator.watchChildNodes("/nodes")) {
        if (children !== undefined) seen += 1;
      }
    };
    // Ends with the coordinator.
    const viewed = view().catch(() => {});
    const turns = Math.ceil(operations / operationsPerTurn / width / parts);
    const run = (part: number) =>
      Promise.all(
        Array.from({ length: width }, async (_, worker) => {
          for (let i = 0; i < turns; i += 1) {
            await turn(coordinator, `/nodes/${worker}-${part}-${i}`, i);
          }
        }),
      );
    console.log("operations   watches fired   states of the view   heap MB   resident MB   operations/s");
    let first: Sizes | undefined;
    let last: Sizes | undefined;
    for (let part = 1; part <= parts; part += 1) {
      const startMs = performance.now();
      await run(part);
      const perSecond = (turns * width * operationsPerTurn) / ((performance.now() - startMs) / 1_000);
      last = await sizes();
      first ??= last;
      const columns = [part * turns * width * operationsPerTurn, fired, seen];
      const text = columns.map((value, column) =>
        value.toLocaleString("en").padStart([10, 16, 21][column] ?? 0),
      );
      for (const bytes of [last.heap, last.resident]) text.push((bytes / 1e6).toFixed(2).padStart(12));
      console.log(`${text.join("")} ${perSecond.toFixed(0).padStart(13)}`);
    }
    const growth = (last?.heap ?? 0) - (first?.heap ?? 0);
    const counted = (parts - 1) * turns * width * operationsPerTurn;
    console.log(
      `from the first tenth to the last: ${(growth / counted).toFixed(3)} bytes of heap for each operation`,
    );
    await coordinator.close();
    await viewed;
  } finally {
    await server.stop();
  }
}

await main();
