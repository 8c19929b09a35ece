import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { CREATOR_ACL, OPEN_ACL, Permission, READ_ACL } from "@conclave/zookeeper-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytes, nothing, open, openClient } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "zookeeper-client-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string): string => join(folder, name);
const pem = (name: string): Buffer => readFileSync(file(name));

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
}

/** A key and a certificate, `name.pem`, with both in `name.both.pem`, as ZooKeeper takes them. */
function issue(name: string, subjectAltName: string): void {
  openssl(
    "req",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.csr`,
    "-subj",
    `/CN=${name}`,
  );
  writeFileSync(file(`${name}.ext`), `subjectAltName=${subjectAltName}\n`);
  openssl(
    ...[
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-days",
      "2",
    ],
    ...["-out", `${name}.pem`, "-extfile", `${name}.ext`],
  );
  writeFileSync(file(`${name}.both.pem`), Buffer.concat([pem(`${name}.key`), pem(`${name}.pem`)]));
}

/** A server that takes TLS on the port where it takes plain text, too, so that it can be asked whether it is ready. */
function startSecure(clientAuth: "none" | "need"): Promise<TestServer> {
  return startZooKeeper({
    controllable: true,
    config: {
      serverCnxnFactory: "org.apache.zookeeper.server.NettyServerCnxnFactory",
      "client.portUnification": true,
      "ssl.keyStore.location": file("server.both.pem"),
      "ssl.trustStore.location": file("ca.pem"),
      "ssl.clientAuth": clientAuth,
      "authProvider.x509": "org.apache.zookeeper.server.auth.X509AuthenticationProvider",
      "ssl.hostnameVerification": false,
    },
  });
}

describe("with TLS", () => {
  let server: TestServer;
  let mutual: TestServer;
  beforeAll(async () => {
    openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
      "-days",
      "2",
      "-subj",
      "/CN=test",
    );
    issue("server", "IP:127.0.0.1,DNS:zookeeper.test");
    issue("client", "DNS:client.test");
    [server, mutual] = await Promise.all([startSecure("none"), startSecure("need")]);
  });
  afterAll(() => Promise.all([server.stop(), mutual.stop()]));

  test("a session works", async () => {
    const { connection, events } = await open(server, { tls: { ca: pem("ca.pem") } });
    const data = Buffer.alloc(500_000, "tls");
    await connection.create("/tls", data);
    await connection.getData("/tls", { watch: true });
    const replies = await Promise.all(Array.from({ length: 10 }, () => connection.getData("/tls")));
    for (const reply of replies) expect(reply.data.equals(data)).toBe(true);
    await connection.setData("/tls", nothing);
    expect(events).toMatchObject([{ type: "changed", path: "/tls" }]);
    await connection.closeSession(5_000);
  });

  test("a server that can't be trusted is refused", async () => {
    await expect(open(server, { tls: {} })).rejects.toMatchObject({ code: "CONNECT_FAILED" });
    const wrongName = open(server, { tls: { ca: pem("ca.pem"), servername: "other.test" } });
    await expect(wrongName).rejects.toThrow(/other\.test/);
    const rightName = await open(server, { tls: { ca: pem("ca.pem"), servername: "zookeeper.test" } });
    await rightName.connection.sync("/");
  });

  test("a server that asks for a certificate gets it, and knows the client by it", async () => {
    const tls = { ca: pem("ca.pem"), cert: pem("client.pem"), key: pem("client.key") };
    const client = await openClient(mutual.url, { tls });
    expect(await client.whoAmI()).toContainEqual({ scheme: "x509", id: "CN=client" });
    await expect(open(mutual, { tls: { ca: pem("ca.pem") }, timeoutMs: 2_000 })).rejects.toMatchObject({
      code: "CONNECT_FAILED",
    });
  });

  test("a client of TLS does not talk to a server of plain text", async () => {
    const plain = await startZooKeeper();
    try {
      const attempt = open(plain, { tls: { ca: pem("ca.pem") }, timeoutMs: 2_000 });
      await expect(attempt).rejects.toMatchObject({ code: "CONNECT_FAILED" });
    } finally {
      await plain.stop();
    }
  });
});

describe("with credentials", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startZooKeeper({ controllable: true, maxSessionTimeoutMs: 60_000 });
  });
  afterAll(() => server.stop());
  const auth = [{ scheme: "digest", auth: "user:secret-of-user" }];
  const id = `user:${createHash("sha1").update("user:secret-of-user").digest("base64")}`;

  test("nodes are protected by access control lists", async () => {
    const owner = await open(server, { auth });
    const other = await open(server);
    await owner.connection.create("/private", bytes("x"), { acl: CREATOR_ACL });
    expect((await owner.connection.getAcl("/private")).acl).toEqual([
      { permissions: 31, scheme: "digest", id },
    ]);
    expect(await owner.connection.whoAmI()).toContainEqual({ scheme: "digest", id: "user" });
    for (const request of [
      other.connection.getData("/private"),
      other.connection.setData("/private", nothing),
      other.connection.create("/private/x", nothing),
      other.connection.setAcl("/private", OPEN_ACL),
    ]) {
      await expect(request).rejects.toMatchObject({ code: "NOAUTH", number: -102 });
    }
    const stat = await owner.connection.setAcl("/private", [
      ...READ_ACL,
      { permissions: Permission.WRITE | Permission.ADMIN, scheme: "digest", id },
    ]);
    expect(stat.aversion).toBe(1);
    await expect(owner.connection.setAcl("/private", OPEN_ACL, 0)).rejects.toMatchObject({
      code: "BADVERSION",
    });
    expect((await other.connection.getData("/private")).data.toString()).toBe("x");
    await other.connection.addAuth("digest", "user:secret-of-user");
    await other.connection.setData("/private", bytes("y"));
  });

  test("that the server refuses no connection comes about, and nothing shows them", async () => {
    const attempt = open(server, { auth: [{ scheme: "no-such-scheme", auth: "a-secret" }] });
    const error: unknown = await attempt.catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: "AUTHFAILED", number: -115 });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("a-secret");

    const client = await openClient(server.url, { auth });
    const { connection } = await open(server, { auth });
    const shown = inspect([client, connection], { depth: 10, showHidden: true }) + JSON.stringify(client);
    expect(shown).not.toContain("secret-of-user");
  });

  test("are presented on each connection", async () => {
    const client = await openClient(server.url, { auth });
    await client.create("/kept", nothing, { acl: CREATOR_ACL });
    await server.control?.restart();
    await client.setData("/kept", bytes("x"));
  });
});

describe("with SASL", () => {
  let server: TestServer;
  beforeAll(async () => {
    const login = file("jaas.conf");
    const module = "org.apache.zookeeper.server.auth.DigestLoginModule";
    writeFileSync(
      login,
      `Server { ${module} required user_bob="the-secret-of-bob" user_zoe="pässwört" user_jiro="パスワード"; };\n`,
    );
    server = await startZooKeeper({
      controllable: true,
      // A restart of the server takes longer than the usual twenty ticks.
      maxSessionTimeoutMs: 60_000,
      config: { "authProvider.sasl": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider" },
      jvmArgs: [`-Djava.security.auth.login.config=${login}`],
    });
  });
  afterAll(() => server.stop());
  const sasl = { mechanism: "DIGEST-MD5", username: "bob", password: "the-secret-of-bob" } as const;

  test("a client is known by its name, on each connection", async () => {
    const client = await openClient(server.url, { sasl, sessionTimeoutMs: 20_000 });
    expect(await client.whoAmI()).toContainEqual({ scheme: "sasl", id: "bob" });
    const acl = [{ permissions: Permission.ALL, scheme: "sasl", id: "bob" }];
    await client.create("/of-bob", nothing, { acl });
    await expect((await open(server)).connection.getData("/of-bob")).rejects.toMatchObject({
      code: "NOAUTH",
    });
    await server.control?.restart();
    await client.setData("/of-bob", bytes("x"));
  });

  test.each([
    ["zoe", "pässwört"],
    ["jiro", "パスワード"],
  ])("a password may have letters of any language: %s", async (username, password) => {
    const { connection } = await open(server, { sasl: { ...sasl, username, password } });
    expect(await connection.whoAmI()).toContainEqual({ scheme: "sasl", id: username });
  });

  test("a wrong password opens no connection, and is not shown", async () => {
    for (const wrong of [{ password: "not-the-secret" }, { username: "eve", password: "not-the-secret" }]) {
      const error: unknown = await open(server, { sasl: { ...sasl, ...wrong } }).catch(
        (failure: unknown) => failure,
      );
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("secret");
      expect(error).toMatchObject({ name: expect.stringMatching(/ZooKeeperError|ConnectionError/) });
    }
    // @ts-expect-error JavaScript may pass anything
    await expect(open(server, { sasl: { mechanism: "PLAIN" } })).rejects.toThrow(TypeError);
  });
});

test("over IPv6 a session works", async () => {
  const server = await startZooKeeper({ controllable: true, config: { clientPortAddress: "::" } });
  try {
    const { connection } = await open({ host: "::1", port: server.port });
    await connection.sync("/");
    const client = await openClient(`[::1]:${server.port}`);
    await client.sync("/");
    const byName = await openClient(`localhost:${server.port}`);
    await byName.sync("/");
    const failed = open({ host: "::1", port: 1 });
    await expect(failed).rejects.toThrow(/\[::1\]:1/);
  } finally {
    await server.stop();
  }
});
