import { startZooKeeper } from "@conclave/test-servers";
import { expect, test } from "vitest";
import { example } from "./example.js";

test("the example of the README does what it says", async () => {
  const server = await startZooKeeper({ controllable: true });
  try {
    expect(await example(server.url)).toBe("green");
  } finally {
    await server.stop();
  }
});
