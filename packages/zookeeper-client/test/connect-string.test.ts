import { parseConnectString } from "@conclave/zookeeper-client";
import { expect, test } from "vitest";

test("servers are read with ports, IPv6 addresses and a chroot", () => {
  expect(parseConnectString("a, b:1,[::1]:2181,[fe80::1%eth0]/x/y")).toEqual({
    addresses: [
      { host: "a", port: 2181 },
      { host: "b", port: 1 },
      { host: "::1", port: 2181 },
      { host: "fe80::1%eth0", port: 2181 },
    ],
    chroot: "/x/y",
  });
  expect(parseConnectString("a/").chroot).toBe("/");
  expect(parseConnectString("a").chroot).toBe("/");
});

test("what can't be a server or a chroot is refused, without showing what may be a password", () => {
  for (const text of [
    "",
    ",",
    "a,",
    "a:0",
    "a:65536",
    "::1",
    "[::1",
    "a:b",
    "a/x/",
    "a//x",
    "a/../x",
    "a b",
  ]) {
    expect(() => parseConnectString(text), text).toThrow(TypeError);
  }
  expect(() => parseConnectString("user:secret@host:1")).toThrow(/^(?!.*secret).*$/);
});
