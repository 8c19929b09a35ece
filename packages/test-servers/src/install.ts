import { ensureInstalled, type Need } from "./ensure.js";
import { isProgram, programs } from "./interop/programs.js";
import { isCI } from "./interop/register.js";
import { kinds } from "./start.js";

// node dist/install.js [need...]     Needs: the kinds of server, "addon", "faketime", and the programs of others that tests run beside.
// Default: all of them.

const known: readonly Need[] = [
  ...Object.values(kinds).map(({ kind }) => kind),
  "addon",
  "faketime",
  ...Object.keys(programs).filter(isProgram),
];
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
const failing = isCI() ? missing : missing.filter((need) => need in kinds);
if (failing.length > 0) process.stderr.write(`*** tests that need ${failing.join(", ")} will fail.\n`);
const unproven = missing.filter((need) => !failing.includes(need));
const programsUnproven = unproven.filter(isProgram);
if (programsUnproven.length > 0) {
  process.stderr.write(`*** that we work beside ${programsUnproven.join(", ")} is not proven here.\n`);
}
if (unproven.includes("addon")) {
  process.stderr.write("*** that the ZooKeeper backend works with its native driver is not proven here.\n");
}
if (unproven.includes("faketime")) {
  process.stderr.write("*** what becomes of sessions when a server's clock jumps is not proven here.\n");
}
if (missing.length > 0 && isCI()) process.exitCode = 1;
