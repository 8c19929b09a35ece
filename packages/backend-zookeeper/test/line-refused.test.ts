import { expect, test } from "vitest";
import type { Connection } from "../src/driver.js";
import { Code, ZooKeeperError } from "../src/errors.js";
import { Lines } from "../src/line.js";
import type { Link } from "../src/link.js";
import { Namespace } from "../src/paths.js";
import { bytes, nearest } from "./support.js";

test("LEAD-6 who may join a line and not read it is refused, and leaves no entry behind that would hold up others", async () => {
  const entries = new Set<string>();
  let cuts = 1;
  const refused = () => Promise.reject(new ZooKeeperError(Code.NOAUTH, { sent: true }));
  const connection = {
    session: { id: "1", timeoutMs: 2_000 },
    lastZxid: 0n,
    create: async ({ path }: { readonly path: string }) => {
      entries.add(`${path}0000000000`);
      return `${path}0000000000`;
    },
    exists: async () => ({ version: 0, czxid: 1n, mzxid: 1n, ephemeralOwner: "1" }),
    children: refused,
    delete: async (path: string) => {
      // Contact breaks once, and comes back.
      if (cuts-- > 0) throw new ZooKeeperError(Code.CONNECTIONLOSS, { sent: true });
      entries.delete(path);
    },
  } as unknown as Connection;
  const link = {
    require: () => connection,
    connected: async () => connection,
    lastZxid: 0n,
  } as unknown as Link;
  const lines = new Lines(link, new Namespace("/"));
  await expect(lines.enqueue("/line", { label: "lock", data: bytes("") }, nearest)).rejects.toMatchObject({
    code: "ACCESS_DENIED",
  });
  expect([...entries]).toEqual([]);
});
