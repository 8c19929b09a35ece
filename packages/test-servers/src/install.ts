import { ensureInstalled, type Need } from "./ensure.js";
import { kinds } from "./start.js";

// node dist/install.js [need...]     Needs: the kinds of server, and "addon". Default: all of them.

const known: readonly Need[] = [...Object.values(kinds).map(({ kind }) => kind), "addon"];
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !known.some((need) => need === name));
if (unknown.length > 0) {
  process.stderr.write(`unknown: ${unknown.join(" ")}; known: ${known.join(" ")}\n`);
  process.exit(2);
}

const reports = await ensureInstalled(
  asked.length === 0 ? known : known.filter((need) => asked.includes(need)),
);
for (const { need, ok, message } of reports) {
  if (ok) process.stdout.write(`test-servers: ${need}: ${message}\n`);
  else process.stderr.write(`\n*** test-servers: ${need}: ${message}\n\n`);
}

const missing = reports.filter(({ ok }) => !ok).map(({ need }) => need);
if (missing.length > 0) {
  process.stderr.write(`*** tests that need ${missing.join(", ")} will fail.\n`);
  const ci = process.env.CI;
  if (ci !== undefined && ci !== "" && ci !== "false") process.exitCode = 1;
}
