import { memory } from "@conclave/backend-memory";
import {
  type ConformanceTarget,
  type LinkFaults,
  provesItself,
  type TestClient,
} from "@conclave/conformance";
import { afterEach, expect, test } from "vitest";
import { memoryOffers, memoryTarget } from "./memory-target.js";

let target: ConformanceTarget | undefined;

afterEach(async () => {
  await target?.stop();
  target = undefined;
});

/** The memory target with something broken. */
function broken(changes: (target: ConformanceTarget) => Partial<ConformanceTarget>): ConformanceTarget {
  const whole = memoryTarget({ sessionTimeoutMs: 1_000 });
  target = { ...whole, ...changes(whole) };
  return target;
}

function withLink(changes: (link: LinkFaults) => Partial<LinkFaults>) {
  return broken((whole) => ({
    client: async () => {
      const client: TestClient = await whole.client();
      return client.link ? { ...client, link: { ...client.link, ...changes(client.link) } } : client;
    },
  }));
}

const nothing = async () => {};

test("a whole target proves itself", async () => {
  await provesItself(
    broken(() => ({})),
    memoryOffers,
  );
});

test("clients on stores of their own are found out", async () => {
  const apart = broken((whole) => ({
    client: async () => ({ ...(await whole.client()), backend: memory({ clock: whole.clock }) }),
  }));
  await expect(provesItself(apart, memoryOffers)).rejects.toThrow("its factory");
});

test.each(["cut", "refuse", "blackHole", "dropNextReply"] as const)(
  "a %s that does nothing is found out",
  async (fault) => {
    const harmless = withLink(() => ({ [fault]: nothing }));
    await expect(provesItself(harmless, memoryOffers)).rejects.toThrow("is not what it says: link");
  },
);

test("a heal that does nothing is found out", async () => {
  const forEver = withLink(() => ({ heal: nothing }));
  await expect(provesItself(forEver, memoryOffers)).rejects.toThrow("is not what it says: link");
});

test.each(["expireSession", "writeForeign", "restartServer"] as const)(
  "a %s that does nothing is found out",
  async (fault) => {
    const harmless = broken(() => ({ [fault]: nothing }));
    await expect(provesItself(harmless, memoryOffers)).rejects.toThrow(`is not what it says: ${fault}`);
  },
);

test.each(["pause", "kill"] as const)("a process whose %s does nothing is found out", async (fault) => {
  const harmless = broken((whole) => ({
    process: async (namespace) => {
      const process = await whole.process?.(namespace);
      if (!process) throw new Error("the memory target has processes");
      return { ...process, [fault]: nothing };
    },
  }));
  await expect(provesItself(harmless, memoryOffers)).rejects.toThrow("is not what it says: process");
});

test("what is offered and missing, or there and not offered, is found out", async () => {
  await expect(
    provesItself(
      broken(() => ({})),
      [...memoryOffers, "compact"],
    ),
  ).rejects.toThrow("does not have it");
  await target?.stop();
  await expect(
    provesItself(
      broken(() => ({})),
      [],
    ),
  ).rejects.toThrow("does not offer it");
});
