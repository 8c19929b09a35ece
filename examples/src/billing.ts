import { connect } from "@conclave/api";
import { backend, namespace } from "./command-line.js";

const coordinator = await connect(backend, { namespace, sessionTimeoutMs: 10_000 });
const services = coordinator.discovery("/services");
await services.register({ name: "billing", address: "10.0.0.7", port: 8080 });
const billing = await services.view("billing"); // live, kept up through session loss

const total = await coordinator.election("/leader").lead(async (leadership) => {
  // Runs while this process leads; leadership.signal aborts before anybody else can.
  if (!(await coordinator.exists("/cursor"))) await leadership.create("/cursor", "0");
  for (let invoice = 1; invoice <= 3 && !leadership.signal.aborted; invoice += 1) {
    await leadership.set("/cursor", String(invoice)); // refused by the store once we no longer lead
    console.log(`invoice ${invoice} goes to ${billing.pick()?.address}, token ${leadership.token}`);
  }
  return new TextDecoder().decode((await coordinator.get("/cursor"))?.data);
});

console.log(`invoices sent: ${total}`);
await coordinator.close();
