// Checks that every relative link in the documents leads to a file that is there, and to a heading of it where it names one.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, normalize } from "node:path";

const listed = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
  encoding: "utf8",
});
const documents = listed.stdout.split("\n").filter((name) => name !== "" && existsSync(name));

function withoutCode(text) {
  return text.replace(/^```[\s\S]*?^```/gm, "");
}

/** The anchors of a document, as GitHub makes them of its headings. */
function anchorsOf(document) {
  const headings = withoutCode(readFileSync(document, "utf8")).matchAll(/^#+ (.*)$/gm);
  const counts = new Map();
  return new Set(
    [...headings].map(([, heading]) => {
      const anchor = heading
        .trim()
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\-_ ]/gu, "")
        .replaceAll(" ", "-");
      const count = counts.get(anchor) ?? 0;
      counts.set(anchor, count + 1);
      return count === 0 ? anchor : `${anchor}-${count}`;
    }),
  );
}

let links = 0;
let dead = 0;
for (const document of documents) {
  const text = withoutCode(readFileSync(document, "utf8")).replace(/`[^`]*`/g, "");
  for (const [, link] of text.matchAll(/\]\(([^)\s]+)[^)]*\)/g)) {
    if (/^[a-z]+:/.test(link)) continue;
    links += 1;
    const [path, anchor] = link.split("#");
    const target = path === "" ? document : normalize(`${dirname(document)}/${path}`);
    const isThere = existsSync(target) && (!anchor || anchorsOf(target).has(anchor));
    if (isThere) continue;
    dead += 1;
    console.error(`${document}: nothing is at ${link}`);
  }
}
console.log(`${links} links in ${documents.length} documents, ${dead} of them dead`);
process.exitCode = dead === 0 && documents.length > 0 ? 0 : 1;
