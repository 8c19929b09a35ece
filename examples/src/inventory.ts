import { connect } from "@conclave/api";
import { backend, namespace } from "./command-line.js";

// Two processes of one application; here in one program, each with a client of its own.
const [warehouse, shop] = await Promise.all([
  connect(backend, { namespace }),
  connect(backend, { namespace }),
]);
await warehouse.create("/stock", "3");

async function take(process: typeof shop, name: string): Promise<void> {
  await process.lock("/inventory").withLock(
    async (hold) => {
      const stock = Number(new TextDecoder().decode((await process.get("/stock"))?.data));
      await hold.set("/stock", String(stock - 1)); // refused by the store if the lock was lost meanwhile
      console.log(`${name} takes one of ${stock}`);
    },
    { data: name, timeoutMs: 5_000 },
  );
}

await Promise.all([take(warehouse, "the warehouse"), take(shop, "the shop")]);

const hold = await shop.lock("/inventory").acquire();
try {
  console.log(
    `the shop counts; may the warehouse? ${(await warehouse.lock("/inventory").tryAcquire()) !== undefined}`,
  );
} finally {
  await hold.release();
}

await Promise.all([warehouse.close(), shop.close()]);
