// Sums up what the tests beside other programs proved (INTEROP-1): node scripts/show-interop.mjs [program...]
// Fails when a case failed or was not run, or a program that was named left no report; under CI also when it was missing.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = ".conformance/interop";
const required = process.argv.slice(2);
const inCI = ![undefined, "", "false"].includes(process.env.CI);
const files = existsSync(folder) ? readdirSync(folder).sort() : [];
let ok = true;

for (const file of files) {
  const { store, program, cases, reason } = JSON.parse(readFileSync(join(folder, file), "utf8"));
  const proven = cases.filter(({ verdict }) => verdict === "proven").length;
  const bad = cases.filter(({ verdict }) => verdict === "failed" || verdict === "not run");
  const verdict = reason === undefined ? `proven ${proven}/${cases.length}` : `not proven here: ${reason}`;
  process.stdout.write(`INTEROP-1  ${store} beside ${program}: ${verdict}\n`);
  for (const { title, verdict } of bad) process.stdout.write(`  ${verdict}: ${title}\n`);
  if (bad.length > 0 || (inCI && reason !== undefined)) ok = false;
}
for (const program of required) {
  if (files.includes(`${program}.json`)) continue;
  process.stdout.write(`INTEROP-1  left out: ${program}\n`);
  ok = false;
}
if (!ok) process.exitCode = 1;
