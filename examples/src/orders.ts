import { connect } from "@conclave/api";
import { backend, namespace } from "./command-line.js";

// Two processes of one application; here in one program, each with a client of its own.
const [shop, warehouse] = await Promise.all([
  connect(backend, { namespace }),
  connect(backend, { namespace }),
]);

const sums = await Promise.all(
  [shop, warehouse, shop].map((client) => client.counter("/orders/open").add(2n)),
);
console.log(`each has a sum of its own: ${sums.sort().join()}`);

const open = warehouse.counter("/orders/open");
console.log(
  `from 6 to 5: ${await open.compareAndSet(6n, 5n)}, and again: ${await open.compareAndSet(6n, 5n)}`,
);

for await (const orders of shop.counter("/orders/open").watch()) {
  console.log(`open orders: ${orders}`);
  if (orders === 0n) break;
  await open.add(-orders);
}

await Promise.all([shop.close(), warehouse.close()]);
