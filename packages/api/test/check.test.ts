import { describe, expect, test } from "vitest";
import {
  checkDuration,
  checkPath,
  checkSequentialPath,
  maxDataBytes,
  maxPathLength,
  toBytes,
} from "../src/internal/check.js";

const code = (run: () => unknown) => {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe("paths", () => {
  test.each([
    "/",
    "/a",
    "/a/b",
    "/a b/ü",
    "/...",
    "/.a",
    "/a..",
    "/日本",
    `/${"x".repeat(maxPathLength - 1)}`,
  ])("%j is one", (path) => expect(code(() => checkPath(path))).toBeUndefined());

  test.each([
    "",
    "a",
    "//",
    "/a/",
    "/a//b",
    "/.",
    "/..",
    "/a/./b",
    "/a/..",
    "/a\u0000",
    "/a\u001f",
    "/a\u007f",
    "/\ue000",
    "/\uffff",
    "/\ud800",
    "/😀",
    `/${"x".repeat(maxPathLength)}`,
  ])("%j is none", (path) => expect(code(() => checkPath(path))).toBe("INVALID_PATH"));

  test.each([undefined, null, 1, {}, ["/a"]])("%j is none", (path) =>
    expect(code(() => checkPath(path as string))).toBe("INVALID_PATH"),
  );

  test("a sequential one may end in a slash", () => {
    expect(code(() => checkSequentialPath("/queue/"))).toBeUndefined();
    expect(code(() => checkSequentialPath("/queue//"))).toBe("INVALID_PATH");
  });

  test("the message names the path and the rule", () => {
    expect(() => checkPath("/a//b")).toThrow(
      'invalid path "/a//b": must be "/" or begin with "/", with no empty segment',
    );
  });
});

describe("data", () => {
  test("is copied, so that the caller may use its buffer again", () => {
    const buffer = Buffer.from("abc");
    const bytes = toBytes(buffer, "/a");
    buffer.fill(0);
    expect([...bytes]).toEqual([97, 98, 99]);
  });

  test("a string is UTF-8, and its bytes count", () => {
    expect([...toBytes("ü", "/a")]).toEqual([0xc3, 0xbc]);
    expect(code(() => toBytes("ü".repeat(maxDataBytes / 2), "/a"))).toBeUndefined();
    expect(code(() => toBytes(`${"ü".repeat(maxDataBytes / 2)}x`, "/a"))).toBe("DATA_TOO_LARGE");
  });

  test.each([1, null, {}, [1, 2]])("%j is no data", (data) =>
    expect(code(() => toBytes(data as never, "/a"))).toBe("INVALID_ARGUMENT"),
  );
});

describe("durations", () => {
  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, "5", undefined])("%j is none", (value) =>
    expect(code(() => checkDuration("timeoutMs", value as number, 0))).toBe("INVALID_ARGUMENT"),
  );
});
