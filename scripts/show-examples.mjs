// Puts examples into the documents that show them: a code block that begins with a line "// <path>" holds that file.
// With --check it changes nothing and fails when a document is out of date.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const check = process.argv.includes("--check");
const inDocs = readdirSync("docs", { recursive: true }).map((name) => join("docs", name));
const inPackages = readdirSync("packages").map((name) => join("packages", name, "README.md"));
const documents = ["README.md", ...inDocs, ...inPackages.filter(existsSync)].filter((name) =>
  name.endsWith(".md"),
);

let stale = 0;
let shown = 0;
for (const document of documents) {
  const text = readFileSync(document, "utf8");
  const current = text.replace(/```ts\n(\/\/ (\S+\.ts)\n)[\s\S]*?```/g, (_, heading, file) => {
    shown += 1;
    return `\`\`\`ts\n${heading}${readFileSync(file, "utf8")}\`\`\``;
  });
  if (current === text) continue;
  stale += 1;
  if (check)
    console.error(`${document} shows an example that has changed since: node scripts/show-examples.mjs`);
  else writeFileSync(document, current);
}
console.log(
  `${shown} examples shown in ${documents.length} documents, ${stale} of them ${check ? "out of date" : "updated"}`,
);
process.exitCode = check && stale > 0 ? 1 : 0;
