import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { connect } from "@conclave/api";
import { type ZooKeeperOptions, zookeeper } from "@conclave/backend-zookeeper";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { type AclEntry, openConnection } from "@conclave/zookeeper-client";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { bytes, create, nearest, openSession } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "backend-zookeeper-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string): string => join(folder, name);

const SECRET = "the-secret-of-bob";
const bob = { scheme: "digest", auth: `bob:${SECRET}` } as const;
const eve = { scheme: "digest", auth: "eve:another" } as const;
const everything = { depth: 20, showHidden: true } as const;

async function failureOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => expect.unreachable("it did not fail"),
    (error: unknown) => error,
  );
}

describe("options", () => {
  const wrong: readonly (readonly [object, string])[] = [
    [{ acl: "closed" }, 'acl must be "open", "creator-all" or a list'],
    [{ acl: [] }, "acl must be"],
    [{ acl: [{ permissions: 0, scheme: "world", id: "anyone" }] }, "acl must hold"],
    [{ acl: [{ permissions: 32, scheme: "world", id: "anyone" }] }, "acl must hold"],
    [{ acl: [{ permissions: 1, scheme: "", id: "" }] }, "acl must hold"],
    [{ acl: [{ permissions: 1, scheme: "world", id: "anyone", perms: 1 }] }, 'unknown option "perms"'],
    [{ acl: "creator-all" }, "need one that the server knows"],
    [{ acl: [{ permissions: 31, scheme: "auth", id: "" }] }, "need one that the server knows"],
    [{ tls: true }, "tls must be an object"],
    [{ tls: { cart: SECRET } }, 'unknown option "cart"'],
    [{ sasl: { mechanism: "PLAIN", username: "bob", password: SECRET } }, "sasl must be"],
    [{ sasl: { mechanism: "DIGEST-MD5", username: "", password: SECRET } }, "sasl must be"],
    [{ sasl: { mechanism: "DIGEST-MD5", username: "bob", password: 7 } }, "sasl must be"],
    [{ sasl: { mechanism: "DIGEST-MD5", username: "b", password: SECRET, realm: "x" } }, '"realm"'],
    [{ auth: bob, acl: "creator-all", driver: "native" }, "the native driver has no acl"],
    [{ tls: {}, driver: "native" }, "the native driver has no tls"],
    [
      { sasl: { mechanism: "DIGEST-MD5", username: "b", password: SECRET }, driver: "native" },
      "the native driver has no sasl",
    ],
    [{ driver: "rust" }, 'driver must be "native" or "typescript"'],
  ];
  test.each(wrong)("%# are refused at once, and show no secret", (options, named) => {
    let error: unknown;
    try {
      zookeeper({ hosts: "127.0.0.1:1", ...options } as ZooKeeperOptions);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(named) });
    expect(inspect(error, everything)).not.toContain(SECRET);
  });
});

describe("access control lists", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startZooKeeper();
  });
  afterAll(() => server.stop());

  async function asBob() {
    const connection = await openConnection({ ...server, auth: [bob] });
    onTestFinished(() => connection.drop());
    return connection;
  }

  /** The lists of a node and of all below, by path. */
  async function aclsBelow(root: string): Promise<ReadonlyMap<string, readonly AclEntry[]>> {
    const connection = await asBob();
    const found = new Map<string, readonly AclEntry[]>();
    const visit = async (path: string): Promise<void> => {
      found.set(path, (await connection.getAcl(path)).acl);
      const { children } = await connection.getChildren(path);
      for (const name of children) await visit(`${path}/${name}`);
    };
    await visit(root);
    return found;
  }

  /** Makes a node in every way there is. */
  async function makeAll(store: Omit<ZooKeeperOptions, "hosts">, namespace: string) {
    const coordinator = await connect(zookeeper({ hosts: server.url, ...store }), { namespace });
    onTestFinished(() => coordinator.close());
    await coordinator.create("/parents/made/node", "x", { parents: true });
    await coordinator.create("/s-", "", { sequential: true, ephemeral: true });
    await coordinator.transaction([
      { type: "create", path: "/t" },
      { type: "create", path: "/t/child", ephemeral: true },
      { type: "check", path: "/none", exists: false },
    ]);
    const leadership = await coordinator.election("/line/election").campaign();
    await leadership.create("/guarded/node", "", { parents: true });
    await coordinator.discovery("/services").register({ name: "web", id: "1", address: "h", port: 1 });
    return coordinator;
  }

  test('"creator-all": every node carries it, and nobody else gets anywhere', async () => {
    const coordinator = await makeAll({ auth: bob, acl: "creator-all" }, "/deep/creator");
    const acls = await aclsBelow("/deep");
    expect(acls.size).toBeGreaterThanOrEqual(16);
    for (const [path, acl] of acls) {
      expect(acl, path).toEqual([{ permissions: 31, scheme: "digest", id: expect.stringMatching(/^bob:/) }]);
    }
    for (const auth of [[eve], []]) {
      const { session } = await openSession(server.url, { namespace: "/deep/creator", store: { auth } });
      const denied = { code: "ACCESS_DENIED", outcome: "not-applied" };
      for (const attempt of [
        () => session.get("/parents", { linearizable: true }),
        () => session.children("/parents", { linearizable: true }),
        () => session.commit([create("/parents/mine")], undefined),
        () => session.commit([create("/t"), create("/t/mine")], undefined),
        () => session.commit([create("/x/y", { parents: true })], undefined),
        () => session.enqueue("/line/election", { label: "latch", data: bytes("") }, nearest),
      ]) {
        await expect(attempt()).rejects.toMatchObject(denied);
      }
    }
    const same = await connect(zookeeper({ hosts: server.url, auth: bob }), { namespace: "/deep/creator" });
    onTestFinished(() => same.close());
    await same.set("/parents/made/node", "y");
    await coordinator.set("/parents/made/node", "z");
  });

  test("a list: every node carries it", async () => {
    const acl = [
      { permissions: 31, scheme: "auth", id: "" },
      { permissions: 1, scheme: "world", id: "anyone" },
    ];
    await makeAll({ auth: bob, acl }, "/listed");
    for (const [path, given] of await aclsBelow("/listed")) {
      expect(given, path).toEqual([
        { permissions: 31, scheme: "digest", id: expect.stringMatching(/^bob:/) },
        { permissions: 1, scheme: "world", id: "anyone" },
      ]);
    }
    const { session } = await openSession(server.url, { namespace: "/listed" });
    expect(await session.get("/parents/made/node", { linearizable: true })).toBeDefined();
    await expect(session.commit([create("/parents/mine")], undefined)).rejects.toMatchObject({
      code: "ACCESS_DENIED",
    });
  });

  test('"open", also by default: everybody may use the nodes', async () => {
    await makeAll({ auth: bob, acl: "open" }, "/open");
    const world = [{ permissions: 31, scheme: "world", id: "anyone" }];
    for (const [path, acl] of await aclsBelow("/open")) expect(acl, path).toEqual(world);
  });

  test("LEAD-6 who may join a line and not read it is refused, and leaves no entry behind that would hold up others", async () => {
    const owner = await asBob();
    const [createAndDelete, all] = [4 + 8, 31];
    const acl = [
      { permissions: all, scheme: "auth", id: "" },
      { permissions: createAndDelete, scheme: "world", id: "anyone" },
    ];
    await owner.create("/joined", bytes(""), { acl });
    const { session } = await openSession(server.url, { namespace: "/" });
    const joining = session.enqueue("/joined", { label: "lock", data: bytes("") }, nearest);
    await expect(joining).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    expect((await owner.getChildren("/joined")).children).toEqual([]);
  });

  test("what nobody can own is ACCESS_DENIED", async () => {
    const acl = [{ permissions: 31, scheme: "no-such-scheme", id: "x" }];
    const attempt = openSession(server.url, { namespace: "/unowned", store: { acl } });
    await expect(attempt).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });

  test("credentials are not shown by what holds them", async () => {
    const backend = zookeeper({ hosts: server.url, auth: bob, acl: "creator-all" });
    const coordinator = await connect(backend, { namespace: "/shown" });
    onTestFinished(() => coordinator.close());
    const { session } = await openSession(server.url, { namespace: "/shown", store: { auth: bob } });
    const failure = await failureOf(
      session
        .get("/none/x", { linearizable: true })
        .then(() => session.commit([create("/none/x")], undefined)),
    );
    for (const value of [backend, coordinator, await coordinator.session(), session, failure]) {
      expect(inspect(value, everything)).not.toContain(SECRET);
    }
  });
});

describe("SASL", () => {
  let server: TestServer;
  beforeAll(async () => {
    const login = file("jaas.conf");
    const module = "org.apache.zookeeper.server.auth.DigestLoginModule";
    writeFileSync(login, `Server { ${module} required user_bob="${SECRET}"; };\n`);
    server = await startZooKeeper({
      controllable: true,
      config: { "authProvider.sasl": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider" },
      jvmArgs: [`-Djava.security.auth.login.config=${login}`],
    });
  });
  afterAll(() => server.stop());
  const sasl = { mechanism: "DIGEST-MD5", username: "bob", password: SECRET } as const;

  test("proves who one is, on every connection", async () => {
    const coordinator = await connect(zookeeper({ hosts: server.url, sasl, acl: "creator-all" }), {
      namespace: "/sasl",
      sessionTimeoutMs: 2_000,
    });
    onTestFinished(() => coordinator.close());
    await coordinator.create("/mine", "1");
    await server.control?.restart();
    await coordinator.set("/mine", "2");
    const { session } = await openSession(server.url, { namespace: "/sasl" });
    await expect(session.get("/mine", { linearizable: true })).rejects.toMatchObject({
      code: "ACCESS_DENIED",
    });
  });

  test("a wrong password is ACCESS_DENIED, and not shown", async () => {
    const wrong = { ...sasl, password: "not-the-secret" };
    const failure = await failureOf(openSession(server.url, { store: { sasl: wrong } }));
    expect(failure).toMatchObject({ code: "ACCESS_DENIED" });
    expect(inspect(failure, everything)).not.toContain("not-the-secret");
  });
});

describe("TLS", () => {
  let server: TestServer;
  const openssl = (...args: readonly string[]): void => {
    execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  };
  beforeAll(async () => {
    const key = ["-newkey", "rsa:2048", "-nodes"];
    openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ca");
    for (const name of ["server", "client"]) {
      openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
      writeFileSync(file("names"), "subjectAltName=IP:127.0.0.1\n");
      const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"];
      openssl("x509", "-req", "-in", `${name}.csr`, ...by, "-out", `${name}.pem`);
    }
    const both = Buffer.concat([readFileSync(file("server.key")), readFileSync(file("server.pem"))]);
    writeFileSync(file("server.both.pem"), both);
    server = await startZooKeeper({
      controllable: true,
      config: {
        serverCnxnFactory: "org.apache.zookeeper.server.NettyServerCnxnFactory",
        "client.portUnification": true,
        "ssl.keyStore.location": file("server.both.pem"),
        "ssl.trustStore.location": file("ca.pem"),
        "ssl.clientAuth": "want",
        "authProvider.x509": "org.apache.zookeeper.server.auth.X509AuthenticationProvider",
        "ssl.hostnameVerification": false,
      },
    });
  });
  afterAll(() => server.stop());

  test("a session works, and a certificate says who one is", async () => {
    const [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map((name) => readFileSync(file(name)));
    if (ca === undefined || cert === undefined || key === undefined) throw new Error("no certificates");
    const tls = { ca, cert, key };
    const coordinator = await connect(zookeeper({ hosts: server.url, tls, acl: "creator-all" }), {
      namespace: "/tls",
    });
    onTestFinished(() => coordinator.close());
    await coordinator.create("/mine", "1");
    const lock = await coordinator.lock("/lock").acquire();
    await lock.release();
    const { session } = await openSession(server.url, { namespace: "/tls", store: { tls: { ca } } });
    await expect(session.get("/mine", { linearizable: true })).rejects.toMatchObject({
      code: "ACCESS_DENIED",
    });
  });

  test("a server that can't be trusted is refused, and says why", async () => {
    const attempt = openSession(server.url, { store: { tls: {} } });
    await expect(attempt).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      message: expect.stringMatching(/127\.0\.0\.1:\d+: .*(certificate|SELF_SIGNED|UNABLE_TO_VERIFY)/i),
    });
  });
});
