import { addonMissing } from "@conclave/test-servers";
import { describe, test } from "vitest";
import { useDriver } from "./support.js";

/* What is tested with the default driver, once more with the native one. */

const missing = addonMissing();
useDriver("native");

if (missing === undefined) {
  describe("opening", async () => void (await import("./open.test.js")));
  describe("disconnections", async () => void (await import("./disconnection.test.js")));
  describe("lost replies", async () => void (await import("./lost-reply.test.js")));
  describe("lines", async () => void (await import("./line.test.js")));
  describe("frames", async () => void (await import("./frames.test.js")));
  describe("ends of the process", async () => void (await import("./exit.test.js")));
} else {
  test.skip(`the native driver [not proven here: ${missing}]`, () => {});
}
