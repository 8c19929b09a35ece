import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "demo/test/**/*.test.ts", "examples/test/**/*.test.ts"],
    // Real servers and their clients share the machine: more at once only makes everybody late.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
