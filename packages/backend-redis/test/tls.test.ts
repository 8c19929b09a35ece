import { freePort, startRedis, type TestServer } from "@conclave/test-servers";
import { afterAll, expect, test } from "vitest";
import { makeCertificates } from "./certificates.js";
import { bytes, create, errorOf, eventually, linearizable, set, setUp, text } from "./helpers.js";

const { files, tls, stranger, remove } = makeCertificates();
let securePort = 0;

async function startSecured(): Promise<TestServer<"redis">> {
  securePort = await freePort();
  return startRedis({
    controllable: true,
    config: {
      "tls-port": securePort,
      "tls-cert-file": files.cert,
      "tls-key-file": files.key,
      "tls-ca-cert-file": files.ca,
    },
  });
}

const setting = setUp(startSecured);
const hosts = () => `rediss://127.0.0.1:${securePort}`;

afterAll(remove);

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
  ["whose certificate nobody vouches for", () => ({ ...tls, ca: stranger }), /certificate/],
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
