import type { ConnectionOptions } from "node:tls";
import { ConclaveError, rejectUnknownOptions, showOption } from "@conclave/api/backend";
import type { AclEntry, Auth, Sasl, Security, Tls } from "./driver.js";

/*
 * Values are not shown in messages: they may be secrets, or stand where a secret should.
 */

/** Who may do what with the nodes that are created: everybody, whoever created them, or as listed. */
export type Acl = "open" | "creator-all" | readonly AclEntry[];

/** What `options.ts` takes of these. */
export interface SecurityOptions {
  readonly acl?: Acl | undefined;
  readonly tls?: Tls | undefined;
  readonly sasl?: Sasl | undefined;
}

const ALL_PERMISSIONS = 31;
/** ZooKeeper puts every identity of the connection in its place. */
const creatorAll: readonly AclEntry[] = [{ permissions: ALL_PERMISSIONS, scheme: "auth", id: "" }];

const tlsOptions: readonly (keyof ConnectionOptions)[] = [
  ...(["ca", "cert", "key", "passphrase", "pfx", "crl", "servername", "rejectUnauthorized"] as const),
  ...(["checkServerIdentity", "minVersion", "maxVersion", "ciphers", "sigalgs", "ecdhCurve"] as const),
  ...(["ALPNProtocols", "secureContext", "secureOptions", "session"] as const),
];

export function parseSecurity(options: SecurityOptions, auth: readonly Auth[]): Security {
  const tls = parseTls(options.tls);
  const sasl = parseSasl(options.sasl);
  const acl = parseAcl(options.acl ?? "open");
  const isKnown = auth.length > 0 || sasl !== undefined || presentsCertificate(tls);
  if (acl?.some(({ scheme }) => scheme === "auth") === true && !isKnown) {
    invalid(
      "acl: nodes for their creator alone need one that the server knows: use auth, sasl or a certificate in tls",
    );
  }
  return { tls, sasl, acl };
}

function presentsCertificate(tls: Tls | undefined): boolean {
  return tls?.cert !== undefined || tls?.pfx !== undefined || tls?.secureContext !== undefined;
}

function parseTls(tls: unknown): Tls | undefined {
  if (tls === undefined) return undefined;
  if (typeof tls !== "object" || tls === null || Array.isArray(tls)) {
    invalid("tls must be an object, as Node's tls.connect takes it");
  }
  rejectUnknownOptions("zookeeper: tls", tls, tlsOptions);
  return hidden({ ...tls });
}

function parseSasl(sasl: unknown): Sasl | undefined {
  if (sasl === undefined) return undefined;
  if (!isSasl(sasl)) {
    invalid('sasl must be { mechanism: "DIGEST-MD5", username, password }, strings, the name not empty');
  }
  rejectUnknownOptions("zookeeper: sasl", sasl, ["mechanism", "username", "password"]);
  const { mechanism, username, password } = sasl;
  return hidden({ mechanism, username, password });
}

function isSasl(value: unknown): value is Sasl {
  if (typeof value !== "object" || value === null) return false;
  const { mechanism, username, password } = value as Partial<Sasl>;
  if (mechanism !== "DIGEST-MD5" || typeof password !== "string") return false;
  return typeof username === "string" && username !== "";
}

function parseAcl(acl: unknown): readonly AclEntry[] | undefined {
  if (acl === "open") return undefined;
  if (acl === "creator-all") return creatorAll;
  if (!Array.isArray(acl) || acl.length === 0) {
    const given = typeof acl === "string" ? "another string" : showOption(acl);
    return invalid(`acl must be "open", "creator-all" or a list that is not empty, not ${given}`);
  }
  return acl.map((entry: unknown) => {
    if (!isAclEntry(entry)) {
      invalid(`acl must hold { permissions: 1 to ${ALL_PERMISSIONS}, scheme, id }, the scheme not empty`);
    }
    rejectUnknownOptions("zookeeper: acl", entry, ["permissions", "scheme", "id"]);
    const { permissions, scheme, id } = entry;
    return { permissions, scheme, id };
  });
}

function isAclEntry(value: unknown): value is AclEntry {
  if (typeof value !== "object" || value === null) return false;
  const { permissions, scheme, id } = value as Partial<AclEntry>;
  if (typeof permissions !== "number" || !Number.isInteger(permissions)) return false;
  if (permissions < 1 || permissions > ALL_PERMISSIONS) return false;
  return typeof scheme === "string" && scheme !== "" && typeof id === "string";
}

/** Not shown by `util.inspect` or `JSON.stringify`, whatever object it ends up in. */
export function hidden<T extends object>(secrets: T): T {
  const hide = { value: () => "[hidden]", enumerable: false };
  return Object.defineProperties(secrets, {
    toJSON: hide,
    [Symbol.for("nodejs.util.inspect.custom")]: hide,
  });
}

function invalid(what: string): never {
  throw new ConclaveError("INVALID_ARGUMENT", `zookeeper: ${what}`);
}
