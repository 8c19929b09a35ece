import { ConclaveError, checkDuration, rejectUnknownOptions, showOption } from "@conclave/api/backend";
import type { Auth, Host, Sasl, Security, Tls } from "./driver.js";
import { type Acl, hidden, parseSecurity } from "./security.js";

export interface ZooKeeperOptions {
  /** The servers, as `["10.0.0.1:2181", "10.0.0.2"]` or `"10.0.0.1:2181,10.0.0.2"`. The port defaults to 2181. */
  readonly hosts: readonly string[] | string;
  /**
   * Credentials that every connection presents, for example `{ scheme: "digest", auth: "user:password" }`. They open
   * nodes that others have protected; who may use the nodes that this backend creates is said by `acl`.
   */
  readonly auth?: Auth | readonly Auth[];
  /** Credentials that every connection proves by SASL's mechanism DIGEST-MD5, to a server that knows them by its JAAS file. Needs `driver: "typescript"`. */
  readonly sasl?: Sasl;
  /** Connect by TLS, with these options of Node's `tls.connect`. Default: plain TCP. Needs `driver: "typescript"`. */
  readonly tls?: Tls;
  /**
   * Who may use the nodes that this backend creates: all of them, also parents that are made on the way and entries of lines.
   * `"open"`, everybody; `"creator-all"`, whoever presents the same credentials (`auth`, `sasl` or a certificate), and nobody else;
   * or a list as ZooKeeper has them. Nodes that exist keep what they have. Default `"open"`; others need `driver: "typescript"`.
   */
  readonly acl?: Acl;
  /** How long one server may take to answer when a session is opened; less when the time to connect would not do for every server. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /**
   * Which client speaks to the servers: `"typescript"`, `@conclave/zookeeper-client`, or `"native"`, the npm package
   * `zookeeper`, which is installed beside this one, is compiled then, and can do less (see `capabilities`). Default `"typescript"`.
   */
  readonly driver?: DriverName;
}

export type DriverName = "native" | "typescript";

/** Options checked and complete. */
export interface Configuration {
  readonly hosts: readonly Host[];
  readonly auth: readonly Auth[];
  readonly security: Security;
  readonly connectTimeoutMs: number;
  readonly driver: DriverName;
}

const optionNames: readonly (keyof ZooKeeperOptions)[] = [
  ...(["hosts", "auth", "sasl", "tls", "acl", "connectTimeoutMs", "driver"] as const),
];
const DEFAULT_PORT = 2181;
const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;

export function parseOptions(options: ZooKeeperOptions): Configuration {
  if (typeof options !== "object" || options === null) invalid(`takes an object, not ${showOption(options)}`);
  rejectUnknownOptions("zookeeper", options, optionNames);
  const { connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
  checkDuration("zookeeper: connectTimeoutMs", connectTimeoutMs, 1);
  const { driver = "typescript" } = options;
  if (driver !== "native" && driver !== "typescript") {
    invalid(`driver must be "native" or "typescript", not ${showOption(driver)}`);
  }
  const hosts = parseHosts(options.hosts);
  const auth = parseAuth(options.auth ?? []);
  const security = parseSecurity(options, auth);
  const { tls, sasl, acl } = security;
  if (driver === "native" && (tls ?? sasl ?? acl) !== undefined) {
    const name = tls !== undefined ? "tls" : sasl !== undefined ? "sasl" : "acl";
    invalid(`the native driver has no ${name}; use driver: "typescript"`);
  }
  return { hosts, auth, security, connectTimeoutMs, driver };
}

function parseHosts(hosts: unknown): readonly Host[] {
  rejectCredentials(hosts);
  const list: unknown = typeof hosts === "string" ? hosts.split(",") : hosts;
  if (!Array.isArray(list) || list.length === 0) {
    invalid(`hosts must be a list such as ["127.0.0.1:2181"], not ${showOption(hosts)}`);
  }
  for (const host of list) rejectCredentials(host);
  return list.map(parseHost);
}

/** Before anything is split or shown: a password may have a comma, too. */
function rejectCredentials(value: unknown): void {
  if (typeof value === "string" && value.includes("@")) {
    invalid(`hosts: ${showOption(value)} carries credentials; use the option auth`);
  }
}

function parseHost(value: unknown): Host {
  const wrong = (): never => invalid(`hosts: ${showOption(value)} is not host:port`);
  if (typeof value !== "string") return wrong();
  // An IPv6 address stands in brackets, as in a URL.
  const match =
    /^\s*(?:\[([0-9a-fA-F:.]+(?:%[0-9A-Za-z._-]+)?)\]|([^\s:/[\]@?#]+))(?::([0-9]{1,5}))?\s*$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (host === undefined || port < 1 || port > 65_535) return wrong();
  return { host, port };
}

function parseAuth(auth: Auth | readonly Auth[]): readonly Auth[] {
  const list: readonly unknown[] = Array.isArray(auth) ? auth : [auth];
  return list.map((entry) => {
    // The value is not shown: it may hold a password.
    if (!isAuth(entry)) invalid("auth must be { scheme, auth }, both strings that are not empty");
    rejectUnknownOptions("zookeeper: auth", entry, ["scheme", "auth"]);
    return hidden({ scheme: entry.scheme, auth: entry.auth });
  });
}

function isAuth(value: unknown): value is Auth {
  if (typeof value !== "object" || value === null || !("scheme" in value) || !("auth" in value)) return false;
  const { scheme, auth } = value;
  return typeof scheme === "string" && scheme !== "" && typeof auth === "string" && auth !== "";
}

function invalid(what: string): never {
  throw new ConclaveError("INVALID_ARGUMENT", `zookeeper: ${what}`);
}
