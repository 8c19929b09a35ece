import { PassThrough } from "node:stream";
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { Outgoing } from "../src/outgoing.js";
import { type Argument, Request } from "../src/request.js";

/** A request as Redis takes it. */
function wire(args: readonly Argument[]): Buffer {
  const bulks = ["evalsha", ...args].map((part) => {
    const bytes = part instanceof Buffer ? part : Buffer.from(String(part));
    return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")]);
  });
  return Buffer.concat([Buffer.from(`*${bulks.length}\r\n`), ...bulks]);
}

test("requests of one turn arrive byte by byte, in order, whatever is in them", async () => {
  const binary = Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i));
  const large = Buffer.alloc(100_000, binary);
  const kinds: readonly (readonly Argument[])[] = [
    [],
    ["", 7, "ascii"],
    ["Grüße, 世界", binary, "z"],
    ["a", large, "ü", large],
  ];
  const requests = Array.from({ length: 50 }, (_, i) => kinds[i % kinds.length] ?? []);
  const stream = new PassThrough();
  const outgoing = new Outgoing({ stream } as unknown as Redis);
  for (const args of requests) outgoing.write(new Request("evalsha", args).toWritable());
  process.nextTick(() => stream.end());
  expect(Buffer.concat(await stream.toArray()).equals(Buffer.concat(requests.map(wire)))).toBe(true);
});

test("ioredis is not told what is in a request", () => {
  expect(JSON.stringify(new Request("evalsha", ["hush"]))).not.toContain("hush");
});
