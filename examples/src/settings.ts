import { ConclaveError, connect } from "@conclave/api";
import { z } from "zod";
import { backend, namespace } from "./command-line.js";

const limits = z.object({
  maxConnections: z.number().int().min(1),
  region: z.string().default("eu-1"), // what an older release stored has none
});

const [admin, service] = await Promise.all([
  connect(backend, { namespace }),
  connect(backend, { namespace }),
]);
const settings = admin.config("/settings/limits", { schema: limits });
await settings.set({ maxConnections: 10 });

// What the service works with: always the latest valid value, without a request.
const live = await service.config("/settings/limits", { schema: limits }).live();
console.log(`the service allows ${live.value?.maxConnections} connections in ${live.value?.region}`);

try {
  await settings.set({ maxConnections: 0 });
} catch (error) {
  if (ConclaveError.is(error, "INVALID_ARGUMENT")) console.log("refused before it was sent");
}

const changed = await settings.update((current) => ({ maxConnections: (current?.maxConnections ?? 0) * 2 }));
console.log(`doubled to ${changed.value.maxConnections}, version ${changed.version}`);

for await (const { value } of live) if (value?.maxConnections === 20) break; // the service has it, too
await admin.set("/settings/limits", '{"maxConnections":"many"}'); // somebody edits it by hand, and errs
for await (const { value, problem } of live) {
  if (problem === undefined) continue;
  console.log(`${problem.code}, and still ${value?.maxConnections} connections`);
  break;
}

live.close();
await Promise.all([admin.close(), service.close()]);
