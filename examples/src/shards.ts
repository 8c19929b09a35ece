import { type Coordinator, connect, type Partition } from "@conclave/api";
import { backend, namespace } from "./command-line.js";

// Two processes of one application; here in one program, each with a client of its own.
const [one, two] = await Promise.all([connect(backend, { namespace }), connect(backend, { namespace })]);

async function consume(process: Coordinator, partition: Partition): Promise<void> {
  const cursor = `/cursors/${partition.index}`;
  const stored = await process.get(cursor, { linearizable: true });
  let position = Number(new TextDecoder().decode(stored?.data ?? new Uint8Array(0)));
  while (!partition.signal.aborted) {
    position += 1;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  // Handed over, the partition is ours until this function returns; lost, it is not, and there is nothing to say any more.
  if (!partition.isHeld) return;
  if (stored) await partition.set(cursor, String(position));
  else await partition.create(cursor, String(position), { parents: true });
}

function takePart(process: Coordinator, id: string, signal: AbortSignal) {
  const partitioner = process.partitioner("/shards", { partitions: 8, id });
  // Ends when the signal aborts, with ABORTED, once all work has settled.
  const ended = partitioner.run((partition) => consume(process, partition), { signal }).catch(() => {});
  return { partitioner, ended };
}

const [stopOne, stopTwo] = [new AbortController(), new AbortController()];
const first = takePart(one, "east", stopOne.signal);
for await (const owned of first.partitioner.watchOwned()) if (owned.length === 8) break;
console.log("east owns all of them");

const second = takePart(two, "west", stopTwo.signal);
// Its share, by its name: four of the eight. They come as the work on each has settled there.
for await (const owned of second.partitioner.watchOwned()) if (owned.length === 4) break;
console.log(`east: ${first.partitioner.owned}; west: ${second.partitioner.owned}`);

stopOne.abort();
await first.ended;
for await (const owned of second.partitioner.watchOwned()) if (owned.length === 8) break;
console.log("west goes on with all of them");

stopTwo.abort();
await second.ended;
await Promise.all([one.close(), two.close()]);
