import { redis } from "@conclave/backend-redis";
import { Redis } from "ioredis";
import { describe, expect, test } from "vitest";

const hosts = "127.0.0.1";

describe("options that are wrong are named before any I/O", () => {
  const wrong: [string, object, RegExp][] = [
    ["none", {}, /hosts must be a list/],
    ["unknown", { hosts, host: 1 }, /unknown option "host"/],
    ["an empty list", { hosts: [] }, /hosts must be a list/],
    ["several servers", { hosts: ["a", "b"] }, /one server; for several say sentinel/],
    ["a path", { hosts: "redis://a/1" }, /the database is an option/],
    ["another scheme", { hosts: "http://a" }, /redis\(s\):\/\//],
    ["port 0", { hosts: "a:0" }, /the port is 0/],
    ["mixed schemes", { hosts: ["redis://a", "rediss://b"], cluster: true }, /all redis:\/\/ or all rediss/],
    ["tls without", { hosts: "redis://a", tls: {} }, /but tls is given/],
    ["half a certificate", { hosts, tls: { cert: "x" } }, /belong together/],
    ["tls text", { hosts, tls: { ca: 1 } }, /tls\.ca must be PEM/],
    ["auth text", { hosts, auth: "secret" }, /auth must be \{ username\?, password \}/],
    ["no password", { hosts, auth: { username: "u" } }, /auth\.password/],
    ["database", { hosts, database: -1 }, /database must be a whole number/],
    ["a database of a Cluster", { hosts, database: 1, cluster: true }, /no database but 0/],
    ["both", { hosts, cluster: true, sentinel: { name: "m" } }, /exclude each other/],
    ["cluster text", { hosts, cluster: "yes" }, /cluster must be true or false/],
    ["sentinel name", { hosts, sentinel: {} }, /sentinel\.name/],
    ["sentinel option", { hosts, sentinel: { name: "m", nam: 1 } }, /unknown option "nam"/],
    ["braces", { hosts, keyPrefix: "a{b}" }, /without braces/],
    ["persistence", { hosts, persistence: "yes" }, /"none", "everysec" or "always"/],
    ["time", { hosts, connectTimeoutMs: 0 }, /connectTimeoutMs/],
    ["client", { client: {} }, /must be a client of ioredis/],
    ["client and hosts", { hosts, client: new Redis({ lazyConnect: true }) }, /hosts is the client's to say/],
  ];
  for (const [title, options, message] of wrong) {
    test(title, () => {
      expect(() => redis(options as never)).toThrowError(
        expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringMatching(message) }),
      );
    });
  }

  test("no message repeats a secret", () => {
    for (const options of [
      { hosts: "redis://user:hunter2@a" },
      { hosts: ["a", "b:hunter2@c"] },
      { hosts: { password: "hunter2" } },
      { hosts, auth: "hunter2" },
      { hosts, auth: { username: 1, password: "hunter2" } },
      { hosts, auth: { password: "hunter2", pasword: "hunter2" } },
    ]) {
      let message = "";
      try {
        redis(options as never);
      } catch (error) {
        message = String(error);
      }
      expect(message).not.toBe("");
      expect(message).not.toContain("hunter2");
    }
  });
});

describe("capabilities are what the configuration can promise", () => {
  const of = (options: object) => redis({ hosts, ...options }).capabilities;

  test("a single server is strict if it syncs each write, and durable if it keeps a log", () => {
    expect(of({ persistence: "always" })).toMatchObject({ fencing: "strict", durable: true });
    expect(of({ persistence: "everysec" })).toMatchObject({ fencing: "best-effort", durable: true });
    expect(of({})).toMatchObject({ fencing: "best-effort", durable: false });
  });

  test("where a replica may take over, never strict", () => {
    const always = { persistence: "always" };
    expect(of({ ...always, sentinel: { name: "m" } }).fencing).toBe("best-effort");
    expect(of({ ...always, cluster: true }).fencing).toBe("best-effort");
    const client = new Redis({ sentinels: [{ host: "a", port: 1 }], name: "m", lazyConnect: true });
    expect(redis({ client, persistence: "always" }).capabilities.fencing).toBe("best-effort");
  });
});
