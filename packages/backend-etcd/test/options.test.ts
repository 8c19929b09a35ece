import { ConclaveError } from "@conclave/api/backend";
import { type EtcdOptions, etcd } from "@conclave/backend-etcd";
import { describe, expect, test } from "vitest";

const SECRET = "s3cret";
const pem = new Uint8Array([1]);

function refusal(options: unknown): ConclaveError {
  try {
    etcd(options as EtcdOptions);
  } catch (error) {
    if (ConclaveError.is(error)) return error;
    throw error;
  }
  throw new Error("accepted");
}

describe("options that are wrong are refused at once, by name and value", () => {
  const wrong: [string, unknown, RegExp][] = [
    ["no hosts", {}, /hosts.*undefined/],
    ["an empty list", { hosts: [] }, /hosts.*not a list of 0/],
    ["a host that is none", { hosts: ["a b"] }, /"a b"/],
    ["a number", { hosts: [2379] }, /2379/],
    ["another scheme", { hosts: "redis://h:1" }, /"redis:\/\/h:1"/],
    ["a path", { hosts: "http://h:1/v3" }, /"http:\/\/h:1\/v3"/],
    ["a port that is none", { hosts: "h:99999" }, /"h:99999"/],
    ["port 0", { hosts: "h:0" }, /"h:0"/],
    ["http and https", { hosts: ["http://a:1", "https://b:1"] }, /all http or all https/],
    ["http with TLS", { hosts: "http://a:1", credentials: { rootCertificate: pem } }, /"http:\/\/a:1"/],
    ["an unknown option", { hosts: "h:1", host: "x" }, /"host"/],
    ["an unknown option of auth", { hosts: "h", auth: { user: "x", password: SECRET } }, /"user"/],
    ["no user name", { hosts: "h", auth: { username: "", password: SECRET } }, /username.*""/],
    ["a password that is none", { hosts: "h", auth: { username: "u", password: 1 } }, /auth\.password/],
    ["half a key pair", { hosts: "h", credentials: { rootCertificate: pem, privateKey: pem } }, /certChain/],
    ["text for bytes", { hosts: "h", credentials: { rootCertificate: "pem" } }, /rootCertificate/],
    ["a timeout of 0", { hosts: "h", connectTimeoutMs: 0 }, /connectTimeoutMs.*0/],
    ["a timeout for ever", { hosts: "h", connectTimeoutMs: Number.POSITIVE_INFINITY }, /connectTimeoutMs/],
    [
      "a timeout beyond a timer",
      { hosts: "h", connectTimeoutMs: 2 ** 31 },
      /connectTimeoutMs.*not 2147483648/,
    ],
    ["a timeout of another type", { hosts: "h", connectTimeoutMs: 5n }, /connectTimeoutMs.*not 5/],
    ["an object for hosts", { hosts: { url: `u:${SECRET}@h` } }, /hosts.*not an object/],
    ["a list for a host", { hosts: [[`u:${SECRET}@h`]] }, /a list of 1 is not host:port/],
    [
      "an object for a user name",
      { hosts: "h", auth: { username: { p: SECRET } } },
      /username.*not an object/,
    ],
    ["an empty host", { hosts: "a:1,,b:2" }, /"" is not host:port/],
    [
      "credentials with a comma",
      { hosts: `u:${SECRET},x@h:1` },
      /"\*\*\*@h:1" carries credentials; use the option auth/,
    ],
    ["credentials that were split", { hosts: [`u:${SECRET}`, "x@h:1"] }, /"\*\*\*@h:1" carries credentials/],
    ["nothing", undefined, /options/],
    ["credentials in a host", { hosts: `http://u:${SECRET}@h:1` }, /h:1.*auth/],
    ["credentials with an @", { hosts: `u:${SECRET}@x@h:1` }, /h:1.*auth/],
  ];
  test.each(wrong)("%s", (_name, options, message) => {
    const error = refusal(options);
    expect(error.code).toBe("INVALID_ARGUMENT");
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain(SECRET);
  });
});

test.each([
  { hosts: "127.0.0.1:2379" },
  { hosts: "http://127.0.0.1:2379/" },
  { hosts: ["a", "b:1", "[::1]:2379"] },
  { hosts: " a:1 , [::1]:2379" },
  { hosts: "https://etcd.example:443" },
  { hosts: "a:1", credentials: { rootCertificate: pem, privateKey: pem, certChain: pem } },
  { hosts: "a:1", auth: { username: "u", password: "" }, connectTimeoutMs: 100 },
])("takes %j", (options: EtcdOptions) => {
  expect(etcd(options)).toMatchObject({
    name: "etcd",
    capabilities: { transactions: true, guardedWrites: "transaction", fencing: "strict", durable: true },
  });
});
