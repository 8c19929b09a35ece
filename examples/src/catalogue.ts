import { connect } from "@conclave/api";
import { memory } from "@conclave/backend-memory";

const coordinator = await connect(memory(), { namespace: "/shop" });
const lock = coordinator.readWriteLock("/catalogue-lock");
await coordinator.create("/catalogue", "spring");

const read = async (name: string) =>
  lock.read.withLock(async () => {
    const catalogue = new TextDecoder().decode((await coordinator.get("/catalogue"))?.data);
    console.log(`${name} reads ${catalogue}`);
  });

await Promise.all([read("one"), read("two")]); // together

const edition = lock.write.withLock(async (hold) => {
  await hold.set("/catalogue", "summer"); // refused by the store if the lock was lost meanwhile
});
await Promise.all([edition, read("three")]); // one after the other

await coordinator.close();
