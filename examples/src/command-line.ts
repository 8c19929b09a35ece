import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { type BackendName, backendAt, backendNames, removeTree } from "./stores.js";

/* What each program here runs on: `node examples/dist/leader.js [--backend NAME] [--url HOST:PORT,...]`. */

const { name, url } = options();

/** In memory the clients of one program meet; on a server also those of others. */
export const backend = await backendAt(name, url);

/** Of this run alone, so that it begins with nothing and touches nothing of yours. */
export const namespace = `/conclave-example-${randomUUID()}`;

if (name !== "memory") process.once("beforeExit", () => void removeTree(backend, namespace));

function options(): { name: BackendName; url: string | undefined } {
  const { values } = parsed();
  const name = backendNames.find((known) => known === values.backend);
  if (name === undefined) return refuse(`--backend ${values.backend}: there is no such backend`);
  if (values.url !== undefined && name === "memory") return refuse("--url: the memory backend has no server");
  return { name, url: values.url };
}

function parsed() {
  try {
    return parseArgs({
      options: { backend: { type: "string", default: "memory" }, url: { type: "string" } },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function refuse(reason: string): never {
  const program = basename(process.argv[1] ?? "");
  const usage = `node ${program} [--backend ${backendNames.join("|")}] [--url HOST:PORT,...]`;
  process.stderr.write(`${reason}\nUsage: ${usage}\n`);
  process.exit(2);
}
