// Checks every published package as its users will get it: what is packed, its exports and its types.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const folders = readdirSync("packages").map((name) => `packages/${name}`);
const published = folders.filter(
  (folder) => !JSON.parse(readFileSync(`${folder}/package.json`, "utf8")).private,
);

let failed = 0;
for (const folder of published) {
  for (const command of [
    ["publint", "--strict", folder],
    ["attw", "--pack", folder, "--profile", "esm-only", "--format", "ascii"],
  ]) {
    const { status, stdout, stderr } = spawnSync("npx", ["--no-install", ...command], { encoding: "utf8" });
    if (status === 0) continue;
    failed += 1;
    console.error(`${command.join(" ")} failed:\n${stdout}${stderr}`);
  }
}
console.log(`${published.length} packages checked, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
