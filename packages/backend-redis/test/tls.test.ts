import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, startRedis, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bytes, create, errorOf, eventually, linearizable, set, setUp, text } from "./helpers.js";

const folder = mkdtempSync(join(tmpdir(), "conclave-tls-"));
const file = (name: string) => join(folder, name);
let securePort = 0;

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
}

/** An authority, and what it vouches for: a server at 127.0.0.1 and a client. */
function makeCertificates(): void {
  const authority = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  for (const name of ["ca", "stranger"]) {
    openssl("req", "-x509", ...key, "-keyout", `${name}.key`, "-out", `${name}.crt`, "-subj", `/CN=${name}`);
  }
  for (const name of ["server", "client"]) {
    const names = ["-addext", "subjectAltName=IP:127.0.0.1"];
    openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`, ...names);
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      ...authority,
      "-copy_extensions",
      "copy",
      "-out",
      `${name}.crt`,
    );
  }
}

async function startSecured(): Promise<TestServer<"redis">> {
  makeCertificates();
  securePort = await freePort();
  return startRedis({
    controllable: true,
    config: {
      "tls-port": securePort,
      "tls-cert-file": file("server.crt"),
      "tls-key-file": file("server.key"),
      "tls-ca-cert-file": file("ca.crt"),
    },
  });
}

const setting = setUp(startSecured);
const pem = (name: string) => readFileSync(file(name), "utf8");
const hosts = () => `rediss://127.0.0.1:${securePort}`;

let tls: { ca: string; cert: string; key: string };
beforeAll(() => {
  tls = { ca: pem("ca.crt"), cert: pem("client.crt"), key: pem("client.key") };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a session by TLS reads, writes and watches", async () => {
  const { session } = await setting.open({ options: { hosts: hosts(), tls } });
  const { session: other } = await setting.open({ options: { hosts: `127.0.0.1:${securePort}`, tls } });
  await session.commit([create("/a", { data: bytes("1") })], undefined);
  const seen: (string | undefined)[] = [];
  other.watchNode("/a", { state: (node) => seen.push(text(node)), failed() {} });
  await eventually(() => expect(seen).toEqual(["1"]));
  await session.commit([set("/a", "2")], undefined);
  await eventually(() => expect(seen).toEqual(["1", "2"]));
  const large = Buffer.alloc(500_000, "x");
  await session.commit([create("/large", { data: large })], undefined);
  expect((await other.get("/large", linearizable))?.data.length).toBe(large.length);
});

test.each([
  ["whose certificate nobody vouches for", () => ({ ...tls, ca: pem("stranger.crt") }), /certificate/],
  ["that demands a certificate of the client", () => ({ ca: tls.ca }), /./],
] as const)("no session at a server %s", async (_what, wrong, reason) => {
  const error = await errorOf(setting.open({ options: { hosts: hosts(), tls: wrong() } }));
  expect(error).toMatchObject({ code: "CONNECT_FAILED", message: expect.stringMatching(reason) });
  expect(error.message).not.toContain("PRIVATE KEY");
});

test("no session by TLS at a port without it, and none without TLS at a port with it", async () => {
  const plain = `127.0.0.1:${setting.server.port}`;
  expect(
    await errorOf(setting.open({ options: { hosts: plain, tls, connectTimeoutMs: 2_000 } })),
  ).toMatchObject({
    code: "CONNECT_FAILED",
  });
  const secured = `127.0.0.1:${securePort}`;
  expect(await errorOf(setting.open({ options: { hosts: secured, connectTimeoutMs: 2_000 } }))).toMatchObject(
    {
      code: "CONNECT_FAILED",
    },
  );
});
