#!/usr/bin/env node
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { matrixOf, printMatrix, untested } from "../matrix.js";
import type { Report } from "../report.js";
import { allSuites } from "../suites/index.js";

// conclave-conformance-matrix [folder [target...]]
// Sums up the reports in a folder (default .conformance): prints the matrix, writes it as matrix.json, and fails when a clause
// is not tested or failed, or a target that was named left no report.
const [folder = ".conformance", ...required] = process.argv.slice(2);
const summary = "matrix.json";
/** So many failed cases are named: more than that have one cause. */
const shown = 30;

const files = (await readdir(folder).catch(() => []))
  .filter((file) => file.endsWith(".json") && file !== summary)
  .sort();
const reports = await Promise.all(
  files.map(async (file) => JSON.parse(await readFile(join(folder, file), "utf8")) as Report),
);
const matrix = matrixOf(reports);
if (files.length > 0) await writeFile(join(folder, summary), `${JSON.stringify(matrix, undefined, 2)}\n`);
process.stdout.write(printMatrix(matrix));

const without = untested(allSuites);
if (without.length > 0) process.stdout.write(`\nwithout a test: ${without.join(", ")}\n`);
const failures = reports.flatMap(({ target, results }) =>
  results
    .filter(({ verdict }) => verdict === "failed" || verdict === "not run")
    .map(({ clause, title, verdict }) => `${verdict} on ${target}: ${clause} ${title}\n`),
);
process.stdout.write(failures.slice(0, shown).join(""));
if (failures.length > shown) process.stdout.write(`and ${failures.length - shown} more\n`);
const leftOut = required.filter((target) => !matrix.targets.includes(target));
if (leftOut.length > 0) process.stdout.write(`left out: ${leftOut.join(", ")}\n`);
if (!matrix.ok || without.length > 0 || leftOut.length > 0) process.exitCode = 1;
