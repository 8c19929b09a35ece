import { connect } from "@conclave/api";
import { backend, namespace } from "./command-line.js";

// Three workers; here in one program, each with a client of its own.
const names = ["ann", "ben", "cid"];
const workers = [];
for (const name of names) {
  const coordinator = await connect(backend, { namespace });
  const membership = await coordinator.group("/crew").join({ id: name, data: "idle" });
  workers.push({ coordinator, membership });
}
const [ann, ben] = workers;
if (ann === undefined || ben === undefined) throw new Error("there are three");

// Whoever sees the same members sees them in the same order: a share of the work follows from it. Two views may differ for a
// moment, so that two may do the same job; where that must not be, take a lock for it.
const view = await ann.coordinator.group("/crew").view();
for (const { id } of await view.waitFor(3, { timeoutMs: 5_000 })) {
  const place = view.members.findIndex((member) => member.id === id);
  console.log(`${id} takes the jobs ${place}, ${place + 3}, ${place + 6} ...`);
}

await ben.membership.update("busy");
await ann.membership.leave();
for await (const members of view) {
  const all = members.map(({ id, data }) => `${id} ${new TextDecoder().decode(data)}`);
  console.log(`crew: ${all.join(", ")}`);
  if (all.length === 2) break;
}
console.log(`present: ann ${ann.membership.isPresent}, ben ${ben.membership.isPresent}`);

// A process that ends takes its members along.
await ben.coordinator.close();
const left = await ann.coordinator.group("/crew").members();
console.log(`left: ${left.map(({ id }) => id)}`);

view.close();
for (const { coordinator } of workers) await coordinator.close();
