import { connect } from "@conclave/api";
import { backend, namespace } from "./command-line.js";

const [shop, worker, operator] = await Promise.all([
  connect(backend, { namespace }),
  connect(backend, { namespace }),
  connect(backend, { namespace }),
]);

await shop.workQueue("/invoices").putAll(["Ann", "Bob", "no address"]);
await shop.workQueue("/invoices").put("Eve, urgent", { priority: 1 });

// After two attempts a task is a dead letter. All workers of a queue should say the same.
const queue = worker.workQueue("/invoices", { maxAttempts: 2 });

async function send(to: string, attempt: number): Promise<void> {
  if (to === "no address") throw new Error(`attempt ${attempt}: nowhere to send it to`);
  console.log(`sent to ${to}`);
}

while ((await queue.size()).ready > 0) {
  const task = await queue.take({ timeoutMs: 5_000 });
  try {
    // A worker that dies here is followed by another: what it does must bear being done twice.
    await send(new TextDecoder().decode(task.data), task.attempt);
    await task.acknowledge(); // rejects once somebody else may have the task
  } catch (error) {
    console.log((error as Error).message);
    await task.reject();
  }
}

const { deadLetters } = operator.workQueue("/invoices");
for (const { id, data, attempts } of await deadLetters.list()) {
  console.log(`given up after ${attempts} attempts: ${new TextDecoder().decode(data)}`);
  await deadLetters.remove(id);
}

await Promise.all([shop.close(), worker.close(), operator.close()]);
