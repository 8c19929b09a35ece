import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  allClauses,
  type Clause,
  matrixOf,
  printMatrix,
  type Report,
  type Verdict,
} from "@conclave/conformance";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

function report(target: string, verdicts: Partial<Record<Clause, readonly Verdict[]>>): Report {
  const results = Object.entries(verdicts).flatMap(([clause, list]) =>
    list.map((verdict, index) => ({ clause: clause as Clause, title: `case ${index}`, verdict })),
  );
  return { target, results };
}

function whole(target: string, others: Partial<Record<Clause, readonly Verdict[]>> = {}): Report {
  return report(target, {
    ...Object.fromEntries(allClauses.map((clause) => [clause, ["proven"]])),
    ...others,
  });
}

describe("matrix", () => {
  test("a clause is as good as its worst case", () => {
    const verdict = (...verdicts: Verdict[]) =>
      matrixOf([report("t", { "SES-1": verdicts })], ["SES-1"]).rows[0]?.cells[0]?.verdict;
    expect(verdict("proven", "failed", "declared weaker")).toBe("failed");
    expect(verdict("proven", "not run")).toBe("not run");
    expect(verdict("proven", "declared weaker", "not proven here")).toBe("declared weaker");
    expect(verdict("proven", "not proven here")).toBe("proven");
    expect(verdict("not proven here")).toBe("not proven here");
    expect(verdict()).toBe("no test");
  });

  test("is whole only when every clause has a case on every target and none failed", () => {
    expect(matrixOf([whole("a"), whole("b")]).ok).toBe(true);
    expect(matrixOf([whole("a"), whole("b", { "SES-1": ["not proven here"] })]).ok).toBe(true);
    for (const verdicts of [[], ["failed"], ["not run"]] as Verdict[][]) {
      expect(matrixOf([whole("a"), whole("b", { "SES-1": verdicts })]).ok).toBe(false);
    }
    expect(matrixOf([]).ok).toBe(false);
  });

  test("prints a line for each clause, with what stands out in capitals", () => {
    const reports = [
      report("memory", { "SES-1": ["proven"], "SES-2": ["proven", "not proven here"] }),
      report("etcd", { "SES-1": ["failed"], "SES-2": ["declared weaker"] }),
    ];
    expect(printMatrix(matrixOf(reports, ["SES-1", "SES-2", "SES-3"]))).toBe(
      "clause  memory      etcd\n" +
        "SES-1   proven      FAILED\n" +
        "SES-2   proven 1/2  declared weaker\n" +
        "SES-3   NO TEST     NO TEST\n",
    );
  });
});

describe("the command", () => {
  const command = fileURLToPath(new URL("../dist/bin/matrix.js", import.meta.url));
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "matrix-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const run = async (reports: readonly Report[]) => {
    for (const one of reports) await writeFile(join(folder, `${one.target}.json`), JSON.stringify(one));
    return promisify(execFile)(process.execPath, [command, folder]).then(
      ({ stdout }) => ({ code: 0, stdout }),
      ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
    );
  };

  test("sums up, writes the sum, and can be repeated", async () => {
    expect(await run([whole("a")])).toMatchObject({ code: 0, stdout: expect.stringContaining("SES-1") });
    expect(JSON.parse(await readFile(join(folder, "matrix.json"), "utf8"))).toMatchObject({
      ok: true,
      targets: ["a"],
    });
    expect(await run([whole("b")])).toMatchObject({ code: 0, stdout: expect.stringMatching(/a +b/) });
  });

  test("fails when a case failed, and names it", async () => {
    const { code, stdout } = await run([whole("a", { "SES-3": ["proven", "failed"] })]);
    expect(code).toBe(1);
    expect(stdout).toContain("failed on a: SES-3 case 1");
  });

  test("fails without any report", async () => {
    expect((await run([])).code).toBe(1);
  });
});
