import { connect } from "@conclave/api";
import { backend, namespace } from "./command-line.js";

const coordinator = await connect(backend, { namespace });
const lock = coordinator.readWriteLock("/catalogue-lock");
await coordinator.create("/catalogue", "spring");

const read = async (name: string) =>
  lock.read.withLock(async () => {
    const catalogue = new TextDecoder().decode((await coordinator.get("/catalogue"))?.data);
    console.log(`${name} reads ${catalogue}`);
  });

await Promise.all([read("one"), read("two")]); // together

const hold = await lock.write.acquire();
const three = read("three"); // waits for its turn
try {
  await hold.set("/catalogue", "summer"); // refused by the store if the lock was lost meanwhile
} finally {
  await hold.release();
}
await three;

await coordinator.close();
