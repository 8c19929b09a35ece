import { connect } from "@conclave/api";
import { backend, namespace } from "./command-line.js";

const operator = await connect(backend, { namespace });
const workers = await Promise.all([1, 2, 3].map(() => connect(backend, { namespace })));

// Nobody starts while the operator's barrier stands.
await operator.barrier("/maintenance").set();

async function work(worker: typeof operator, name: string): Promise<void> {
  await worker.barrier("/maintenance").wait();
  const rounds = worker.doubleBarrier("/rounds", { count: 3 });
  for (const number of [1, 2]) {
    const round = await rounds.enter({ timeoutMs: 5_000 }); // all three begin together ...
    console.log(`${name} works in round ${number}`);
    await round.leave(); // ... and none goes on before all are done
  }
}

const working = Promise.all(workers.map((worker, index) => work(worker, `worker ${index + 1}`)));
console.log("maintenance is done");
await operator.barrier("/maintenance").remove();
await working;

await Promise.all([operator, ...workers].map((client) => client.close()));
