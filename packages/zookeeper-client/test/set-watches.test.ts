import { expect, test } from "vitest";
import { batchesOf } from "../src/set-watches.js";
import { fakeServer, framed, granted, onPackets, reply } from "./fake-server.js";
import { openClient, until } from "./support.js";

const none = { data: [], exist: [], child: [], persistent: [], recursive: [] };
const SET_WATCHES = 101;
const GET_DATA = 4;

test("watches are split so that no packet is larger than any server takes", () => {
  const paths = (prefix: string) =>
    Array.from({ length: 5_000 }, (_, i) => `/${prefix}/${"日本".repeat(20)}${i}`);
  const all = { ...none, data: paths("d"), exist: paths("e"), child: paths("c"), recursive: paths("r") };
  const batches = batchesOf(all);
  for (const batch of batches) {
    expect(Buffer.byteLength(Object.values(batch).flat().join(""))).toBeLessThan(128 * 1024);
  }
  for (const kind of ["data", "exist", "child", "persistent", "recursive"] as const) {
    expect(batches.flatMap((batch) => batch[kind])).toEqual(all[kind]);
  }
  expect(batchesOf(none)).toEqual([]);
});

test("watches of a batch that was not confirmed are set again as of before, not of what was answered meanwhile", async () => {
  const stat = Buffer.alloc(68);
  const since: bigint[][] = [];
  const server = await fakeServer((socket, index) => {
    const zxids: bigint[] = [];
    since.push(zxids);
    onPackets(socket, (body, packet) => {
      if (packet === 0) {
        socket.write(granted(20_000));
        return;
      }
      const type = body.readInt32BE(4);
      if (type === GET_DATA) socket.write(reply(body.readInt32BE(0), 10n, 0, framed(Buffer.alloc(0)), stat));
      if (type !== SET_WATCHES) return;
      zxids.push(body.readBigInt64BE(8));
      // Of the second connection only the first batch is confirmed, with a later transaction.
      if (index === 1 && zxids.length > 1) socket.destroy();
      else socket.write(reply(body.readInt32BE(0), 99n, 0));
    });
  });
  const client = await openClient(`${server.host}:${server.port}`);
  const paths = Array.from({ length: 1_000 }, (_, i) => `/${"x".repeat(100)}${i}`);
  await Promise.all(paths.map((path) => client.getData(path, { watch: () => {} })));
  for (const socket of server.sockets) socket.destroy();
  await until(() => (since[2]?.length ?? 0) >= 3);
  expect(since[1]?.slice(0, 2)).toEqual([10n, 10n]);
  expect(new Set(since[2])).toEqual(new Set([10n]));
});
