import { expect, test } from "vitest";
import { Outbox } from "../src/outbox.js";

test("a packet that was not ended never goes out", () => {
  const out = new Outbox();
  out.beginFrame();
  out.int32(1);
  out.endFrame();
  out.beginFrame();
  out.int32(2);
  out.beginFrame();
  out.int32(3);
  out.endFrame();
  out.beginFrame();
  out.string("half");
  expect(out.take().toString("hex")).toBe("00000004000000010000000400000003");
  expect(out.length).toBe(0);
});

test("bytes that were handed out are not written to again, however much follows", () => {
  const out = new Outbox();
  const taken: { readonly bytes: Buffer; readonly copy: Buffer }[] = [];
  for (let i = 0; i < 200; i++) {
    out.beginFrame();
    out.bytes(Buffer.alloc(1 + ((i * 977) % 5_000), i));
    out.string("ü".repeat(i * 10));
    expect(out.endFrame()).toBe(8 + 1 + ((i * 977) % 5_000) + i * 20);
    if (i % 3 === 0) {
      const bytes = out.take();
      taken.push({ bytes, copy: Buffer.from(bytes) });
    }
  }
  for (const { bytes, copy } of taken) expect(bytes.equals(copy)).toBe(true);
});
