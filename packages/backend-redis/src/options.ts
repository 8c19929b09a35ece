import { ConclaveError, checkDuration, rejectUnknownOptions, showOption } from "@conclave/api/backend";
import type { Cluster, Redis } from "ioredis";

export interface RedisOptions {
  /**
   * `"host:port"` or `"redis(s)://host:port"`; the port defaults to 6379. One server; with `sentinel` the Sentinels (port 26379);
   * with `cluster` some nodes of the cluster. Several in a list or separated by commas. Not together with `client`.
   */
  readonly hosts?: readonly string[] | string;
  /** The hosts are Sentinels, which know the master of this name. */
  readonly sentinel?: { readonly name: string; readonly username?: string; readonly password?: string };
  /** The hosts are nodes of a Redis Cluster. A namespace lives on the one master that has its slot. Default false. */
  readonly cluster?: boolean;
  /** A user of Redis's access control lists, or just the server's password. */
  readonly auth?: { readonly username?: string; readonly password: string };
  /** TLS. Given, or with `rediss` hosts, connections are encrypted and the server's certificate is checked. */
  readonly tls?: {
    readonly ca?: string | Uint8Array;
    readonly cert?: string | Uint8Array;
    readonly key?: string | Uint8Array;
    readonly servername?: string;
  };
  /** Default 0. A Cluster has no other. */
  readonly database?: number;
  /**
   * An ioredis client of yours, as a description of where to connect and how: its duplicates are used and closed, it itself is
   * neither used nor closed. Instead of `hosts`, `sentinel`, `cluster`, `auth`, `tls` and `database`.
   */
  readonly client?: Redis | Cluster;
  /** What the names of all keys begin with. Default `"conclave:"`. */
  readonly keyPrefix?: string;
  /**
   * What the server does for its data, as far as you know and want to rely on. `"none"`: a restart may empty it. `"everysec"`,
   * `"always"`: `appendonly yes` with this `appendfsync`; checked where the server tells. Decides the capabilities `durable` and,
   * for a single server, `fencing`. Default `"none"`.
   */
  readonly persistence?: Persistence;
  /** How long one attempt to open a session may take. Default 5,000. */
  readonly connectTimeoutMs?: number;
}

export type Persistence = "none" | "everysec" | "always";

/** How the server that has a namespace is found. */
export type Topology =
  | { readonly type: "single"; readonly host: Host }
  | {
      readonly type: "sentinel";
      readonly hosts: readonly Host[];
      readonly name: string;
      readonly username: string | undefined;
      readonly password: string | undefined;
    }
  | { readonly type: "cluster"; readonly hosts: readonly Host[] }
  | { readonly type: "client"; readonly client: Redis }
  | { readonly type: "cluster client"; readonly client: Cluster };

export interface Host {
  readonly host: string;
  readonly port: number;
}

/** `RedisOptions`, checked and complete. */
export interface RedisConfig {
  readonly topology: Topology;
  readonly auth: { readonly username: string | undefined; readonly password: string } | undefined;
  readonly tls: Readonly<Record<string, string | Buffer>> | undefined;
  readonly database: number;
  readonly keyPrefix: string;
  readonly persistence: Persistence;
  readonly connectTimeoutMs: number;
}

const OF_CONNECTIONS = ["hosts", "sentinel", "cluster", "auth", "tls", "database"] as const;

export function checkOptions(options: RedisOptions): RedisConfig {
  if (typeof options !== "object" || options === null) throw invalid("redis: options must be an object");
  rejectUnknownOptions("redis", options, [
    ...OF_CONNECTIONS,
    ...["client", "keyPrefix", "persistence", "connectTimeoutMs"],
  ]);
  const { client, keyPrefix = "conclave:", persistence = "none", connectTimeoutMs = 5_000 } = options;
  checkDuration("redis: connectTimeoutMs", connectTimeoutMs, 1);
  if (typeof keyPrefix !== "string" || /[{}]/.test(keyPrefix)) {
    throw invalid(
      `redis: keyPrefix must be a string without braces, which mark the hash slot, not ${showOption(keyPrefix)}`,
    );
  }
  if (!["none", "everysec", "always"].includes(persistence)) {
    throw invalid(
      `redis: persistence must be "none", "everysec" or "always", not ${showOption(persistence)}`,
    );
  }
  const common = { keyPrefix, persistence, connectTimeoutMs };
  if (client !== undefined) {
    const other = OF_CONNECTIONS.find((name) => options[name] !== undefined);
    if (other !== undefined) throw invalid(`redis: ${other} is the client's to say: leave it out`);
    return { ...common, topology: checkClient(client), auth: undefined, tls: undefined, database: 0 };
  }
  const { hosts, secure } = checkHosts(options);
  const tls = options.tls === undefined ? (secure ? {} : undefined) : checkTls(options.tls);
  return {
    ...common,
    topology: checkTopology(options, hosts),
    auth: options.auth === undefined ? undefined : checkAuth(options.auth),
    tls,
    database: checkDatabase(options),
  };
}

function checkTopology({ sentinel, cluster = false }: RedisOptions, hosts: readonly Host[]): Topology {
  if (typeof cluster !== "boolean") {
    throw invalid(`redis: cluster must be true or false, not ${showOption(cluster)}`);
  }
  if (cluster && sentinel !== undefined) {
    throw invalid("redis: sentinel and cluster exclude each other: a Cluster elects its own masters");
  }
  if (cluster) return { type: "cluster", hosts };
  if (sentinel !== undefined) {
    if (typeof sentinel !== "object" || sentinel === null) {
      throw invalid("redis: sentinel must be { name, username?, password? }");
    }
    rejectUnknownOptions("redis: sentinel", sentinel, ["name", "username", "password"]);
    const { name, username, password } = sentinel;
    if (typeof name !== "string" || name === "") {
      throw invalid(`redis: sentinel.name must be the name of the master, not ${showOption(name)}`);
    }
    optionalText("sentinel.username", username);
    optionalText("sentinel.password", password);
    return { type: "sentinel", hosts, name, username, password };
  }
  const [host, second] = hosts;
  if (host === undefined || second !== undefined) {
    throw invalid("redis: hosts must be one server; for several say sentinel: { name } or cluster: true");
  }
  return { type: "single", host };
}

function checkClient(client: unknown): Topology {
  if (typeof client !== "object" || client === null || !hasMethod(client, "duplicate")) {
    throw invalid(`redis: client must be a client of ioredis, not ${showOption(client)}`);
  }
  return "isCluster" in client && client.isCluster === true
    ? { type: "cluster client", client: client as Cluster }
    : { type: "client", client: client as Redis };
}

function hasMethod(value: object, name: string): boolean {
  return typeof (value as Record<string, unknown>)[name] === "function";
}

function checkHosts({ hosts: value, tls, sentinel }: RedisOptions): { hosts: Host[]; secure: boolean } {
  rejectCredentials(value);
  const list: unknown = typeof value === "string" ? value.split(",") : value;
  if (!Array.isArray(list) || list.length === 0) {
    throw invalid(`redis: hosts must be a list such as ["127.0.0.1:6379"], not ${showOption(value)}`);
  }
  for (const host of list) rejectCredentials(host);
  const defaultPort = sentinel === undefined ? 6379 : 26379;
  const urls = list.map((host: unknown) => checkHost(host, tls !== undefined, defaultPort));
  if (new Set(urls.map(({ secure }) => secure)).size > 1) {
    throw invalid("redis: hosts must be all redis:// or all rediss://");
  }
  return { hosts: urls.map(({ host, port }) => ({ host, port })), secure: urls[0]?.secure === true };
}

/** Before anything is split or shown: a password may have a comma, too. */
function rejectCredentials(value: unknown): void {
  if (typeof value === "string" && value.includes("@")) {
    throw invalid(`redis: hosts: ${showOption(value)} carries credentials; use the option auth`);
  }
}

function checkHost(value: unknown, tls: boolean, defaultPort: number): Host & { secure: boolean } {
  const wrong = (what: string): ConclaveError => invalid(`redis: hosts: ${showOption(value)} ${what}`);
  if (typeof value !== "string") throw wrong("is not host:port");
  const host = value.trim();
  const withScheme = host.includes("://") ? host : `${tls ? "rediss" : "redis"}://${host}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (url === undefined || (url.protocol !== "redis:" && url.protocol !== "rediss:") || url.hostname === "") {
    throw wrong("is not host:port, with or without redis(s)://");
  }
  if ((url.pathname !== "/" && url.pathname !== "") || url.search !== "" || url.hash !== "") {
    throw wrong("is not host:port: it has more; the database is an option");
  }
  const secure = url.protocol === "rediss:";
  if (tls && !secure) throw wrong("is redis://, but tls is given");
  const port = url.port === "" ? defaultPort : Number(url.port);
  if (port < 1) throw wrong("is not host:port: the port is 0");
  // An IPv6 address stands in brackets in a URL, and without them everywhere else.
  return { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port, secure };
}

function checkAuth(value: unknown): { username: string | undefined; password: string } {
  if (typeof value !== "object" || value === null) {
    throw invalid("redis: auth must be { username?, password }");
  }
  rejectUnknownOptions("redis: auth", value, ["username", "password"]);
  const { username, password } = value as { username?: unknown; password?: unknown };
  if (username !== undefined && (typeof username !== "string" || username === "")) {
    throw invalid(`redis: auth.username must be a string that is not empty, not ${showOption(username)}`);
  }
  if (typeof password !== "string" || password === "") {
    throw invalid("redis: auth.password must be a string that is not empty");
  }
  return { username, password };
}

function checkTls(value: unknown): Record<string, string | Buffer> {
  if (typeof value !== "object" || value === null) {
    throw invalid("redis: tls must be { ca?, cert?, key?, servername? }");
  }
  rejectUnknownOptions("redis: tls", value, ["ca", "cert", "key", "servername"]);
  const checked: Record<string, string | Buffer> = {};
  for (const [name, given] of Object.entries(value)) {
    if (given instanceof Uint8Array && name !== "servername") checked[name] = Buffer.from(given);
    else if (typeof given === "string") checked[name] = given;
    else if (given !== undefined) throw invalid(`redis: tls.${name} must be PEM text or bytes`);
  }
  if ((checked.cert === undefined) !== (checked.key === undefined)) {
    throw invalid("redis: tls.cert and tls.key belong together");
  }
  return checked;
}

function checkDatabase({ database = 0, cluster }: RedisOptions): number {
  if (!(Number.isSafeInteger(database) && database >= 0)) {
    throw invalid(`redis: database must be a whole number from 0 on, not ${showOption(database)}`);
  }
  if (cluster && database !== 0) throw invalid("redis: a Cluster has no database but 0");
  return database;
}

function optionalText(name: string, value: unknown): void {
  if (value !== undefined && (typeof value !== "string" || value === "")) {
    throw invalid(`redis: ${name} must be a string that is not empty`);
  }
}

function invalid(message: string): ConclaveError {
  return new ConclaveError("INVALID_ARGUMENT", message);
}
