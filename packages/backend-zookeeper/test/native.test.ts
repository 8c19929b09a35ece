import { describe } from "vitest";
import { provableDrivers, useDriver } from "./support.js";

/* What is tested with the default driver, once more with the native one. */

useDriver("native");

if (provableDrivers().includes("native")) {
  describe("opening", async () => void (await import("./open.test.js")));
  describe("disconnections", async () => void (await import("./disconnection.test.js")));
  describe("lost replies", async () => void (await import("./lost-reply.test.js")));
  describe("lines", async () => void (await import("./line.test.js")));
  describe("frames", async () => void (await import("./frames.test.js")));
  describe("ends of the process", async () => void (await import("./exit.test.js")));
}
