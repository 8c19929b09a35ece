import type { Define } from "../suite.js";
import { refuses } from "./refused.js";

const invalidPaths = [
  "",
  "node",
  "//",
  "/node/",
  "/a//b",
  "/.",
  "/a/..",
  "/a/./b",
  "/a\u0000b",
  "/a\tb",
  "/a\u007fb",
  "/\ud800",
  "/\ue000",
  "/\ufffe",
  "/\u{1f600}",
  `/${"x".repeat(1_000)}`,
];
const notEvenStrings: readonly unknown[] = [undefined, null, 7, {}, ["/node"]];

export function invalidPath(test: Define): void {
  test("NODE-8", "every operation that takes a path refuses an invalid one before any I/O", async (kit) => {
    await refuses(kit, {
      operations: ({ takesPath }) => takesPath,
      inputs: [...invalidPaths, ...notEvenStrings].map((path) => ({ path: path as string })),
      code: "INVALID_PATH",
    });
  });
}
