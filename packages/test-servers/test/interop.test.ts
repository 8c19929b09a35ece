import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type InteropOptions, interop, Journal, startForeign } from "@conclave/test-servers/interop";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

describe("tests beside another program", () => {
  let reportFolder: string;
  beforeEach(() => {
    reportFolder = mkdtempSync(join(tmpdir(), "interop-"));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(reportFolder, { recursive: true });
  });

  /** Registers one case, runs what was registered, and returns what became of it. */
  async function outcome(run: () => Promise<void>) {
    const skipped: string[] = [];
    const failed: string[] = [];
    const pending: Promise<unknown>[] = [];
    const ends: (() => void)[] = [];
    const runner: InteropOptions["runner"] = {
      describe: (_, define) => define(),
      afterAll: (end) => ends.push(end),
      it: Object.assign(
        (name: string, body: () => Promise<void>) =>
          void pending.push(body().catch((error: Error) => failed.push(`${name}: ${error.message}`))),
        { skip: (name: string) => void skipped.push(name) },
      ),
    };
    interop({ runner, store: "etcd", program: "etcdctl", reportFolder }, (register, found) =>
      register("case", async () => {
        found();
        await run();
      }),
    );
    await Promise.all(pending);
    for (const end of ends) end();
    const report: unknown = JSON.parse(readFileSync(join(reportFolder, "etcdctl.json"), "utf8"));
    return { skipped, failed, report };
  }

  it("are reported as proven, or as failed", async () => {
    const verdict = async (run: () => Promise<void>) => Object((await outcome(run)).report).cases[0].verdict;
    expect(await verdict(async () => {})).toBe("proven");
    expect(await verdict(() => Promise.reject(new Error("no")))).toBe("failed");
  });

  it("are reported with the reason as not proven here, where it is missing", async () => {
    vi.stubEnv("PATH", "");
    vi.stubEnv("CI", "");
    const { skipped, failed, report } = await outcome(async () => {});
    const reason = "etcdctl is not installed (etcd-client)";
    expect(failed).toEqual([]);
    expect(skipped).toEqual([`INTEROP-1 case [not proven here: ${reason}]`]);
    expect(report).toMatchObject({ cases: [{ title: "case", verdict: "not proven here" }], reason });
  });

  it("fail under CI where it is missing", async () => {
    vi.stubEnv("PATH", "");
    vi.stubEnv("CI", "true");
    const { skipped, failed, report } = await outcome(async () => {});
    expect(skipped).toEqual([]);
    expect(failed).toEqual(["INTEROP-1 case: etcdctl is not installed (etcd-client)"]);
    expect(report).toMatchObject({ cases: [{ verdict: "failed" }] });
  });
});

describe("the journal of a critical section", () => {
  let journal: Journal;
  beforeEach(() => {
    journal = new Journal();
  });
  afterEach(() => journal.remove());

  it("names who had a turn", async () => {
    for (const name of ["a", "b", "a"]) await journal.turn(name);
    expect(journal.turns()).toEqual(["a", "b", "a"]);
  });

  it("tells of two who were in at once", async () => {
    await Promise.all([journal.turn("a"), journal.turn("b")]);
    expect(() => journal.turns()).toThrow('"+ a 0" and "+ b 0"');
  });

  it("tells of one who did not see what the one before wrote, and of one who never came out", async () => {
    await journal.turn("a");
    appendFileSync(join(journal.folder, "journal"), "+ b 0\n- b 0\n");
    expect(() => journal.turns()).toThrow('"+ b 0"');
    const other = new Journal();
    appendFileSync(join(other.folder, "journal"), "+ b 0\n");
    expect(() => other.turns()).toThrow('"+ b 0"');
    other.remove();
  });
});

describe("a program driven by lines", () => {
  const echo = `while read -r n command rest; do
    case $command in
      fine) printf 'event\\thandle\\tseen %s\\n%s\\tok\\t%s\\n' "$rest" "$n" "$rest";;
      bad) printf '%s\\terror\\tit went wrong\\n' "$n";;
      *) echo dying >&2; exit 3;;
    esac
  done`;

  it("answers calls, says things in between, and fails what it did not answer when it ends", async () => {
    const program = startForeign({ file: "sh", args: ["-c", echo] });
    expect(await program.call("fine", "handle")).toBe("handle");
    expect(program.events("handle")).toEqual(["seen handle"]);
    await expect(program.call("bad", "handle")).rejects.toThrow("it went wrong");
    await expect(program.call("else", "handle")).rejects.toThrow(/ended with 3\ndying/);
    await expect(program.call("fine", "handle")).rejects.toThrow(/ended with 3/);
    expect(await program.kill()).toMatchObject({ code: 3 });
  });
});
