import { expect, test } from "vitest";
import { parseOptions, UsageError } from "../src/options.js";

test("without options: four workers in memory", () => {
  expect(parseOptions([])).toEqual({ backend: "memory", url: undefined, workers: 4, tasks: 32 });
});

test("every option", () => {
  const args = ["--backend", "etcd", "--url", "http://127.0.0.1:2379", "--workers", "3", "--tasks=9"];
  expect(parseOptions(args)).toEqual({
    backend: "etcd",
    url: "http://127.0.0.1:2379",
    workers: 3,
    tasks: 9,
  });
});

test.each(["--help", "-h"])("%s", (option) => {
  expect(parseOptions([option])).toBe("help");
});

test.each([
  [["--backend", "consul"], "memory, zookeeper, etcd, redis"],
  [["--url", "127.0.0.1:2181"], "no server"],
  [["--backend", "etcd", "--url", ""], "empty"],
  [["--workers", "1"], "2 to 32"],
  [["--workers", "33"], "2 to 32"],
  [["--workers", "4.5"], "2 to 32"],
  [["--workers", "four"], "2 to 32"],
  [["--workers="], "2 to 32"],
  [["--workers", "4", "--tasks", "7"], "8 to 500"],
  [["--tasks", "501"], "8 to 500"],
  [["--tsaks", "9"], "--tsaks"],
  [["memory"], "memory"],
])("%j is refused, saying what would do", (args, hint) => {
  expect(() => parseOptions(args)).toThrow(UsageError);
  expect(() => parseOptions(args)).toThrow(hint);
});
