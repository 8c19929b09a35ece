import { connect } from "@conclave/api";
import { backend, namespace } from "./command-line.js";

const [web, client] = await Promise.all([connect(backend, { namespace }), connect(backend, { namespace })]);

// Two instances of one service, here of one process.
const services = web.discovery("/services");
const first = await services.register({
  name: "web",
  id: "web-1",
  address: "10.0.0.7",
  port: 8080,
  metadata: { zone: "a" },
});
const second = await services.register({ name: "web", id: "web-2", address: "10.0.0.8", port: 8080 });

// A client waits until there is enough to work with, and picks.
const view = await client.discovery("/services").view("web", { downMs: 500 });
await view.waitFor(2, { timeoutMs: 5_000 });
console.log(`in turn: ${view.pick()?.id}, ${view.pick()?.id}; stale: ${view.stale}`);

// Whoever finds that an instance does not answer says so: it is avoided for a while.
view.failed({ id: "web-1" });
console.log(`while web-1 is down: ${view.pick()?.id}, ${view.pick()?.id}`);
view.succeeded({ id: "web-1" });

// The same user goes to the same instance, from every process.
const home = view.pick({ strategy: "sticky", key: "user 7" });
console.log(`user 7 stays: ${home === view.pick({ strategy: "sticky", key: "user 7" })}`);

// Changes, one by one: first who is there.
const events = view.changes()[Symbol.asyncIterator]();
const next = async () => {
  const { value } = await events.next();
  return value && `${value.type} ${value.id} at ${value.value.port}`;
};
console.log(`${await next()}; ${await next()}`);
await first.update({ port: 8081 });
console.log(await next());
await second.unregister();
console.log(await next());
await events.return?.();

// Which services there are.
console.log(`names: ${await client.discovery("/services").names()}`);
await first.unregister();
for await (const names of client.discovery("/services").watchNames()) if (names.length === 0) break;
console.log("nobody offers anything");

view.close();
await Promise.all([web.close(), client.close()]);
