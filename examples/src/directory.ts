import { connect } from "@conclave/api";
import { MemoryCluster, memory } from "@conclave/backend-memory";

const cluster = new MemoryCluster();
const [web, client] = await Promise.all([connect(memory({ cluster })), connect(memory({ cluster }))]);

const registration = await web.discovery("/services").register({
  name: "web",
  id: "web-1",
  address: "10.0.0.7",
  port: 8080,
  metadata: { zone: "a" },
});

const view = await client.discovery("/services").view("web");
console.log(`pick: ${view.pick()?.address}:${view.pick()?.port}, stale: ${view.stale}`);

await registration.update({ port: 8081 });
for await (const instances of view) {
  console.log(`ports: ${instances.map(({ port }) => port).join()}`);
  if (instances[0]?.port === 8081) break;
}

await registration.unregister();
for await (const instances of view) if (instances.length === 0) break;
console.log("nobody offers web");

view.close();
await Promise.all([web.close(), client.close()]);
