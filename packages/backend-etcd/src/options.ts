import { ConclaveError, checkDuration, rejectUnknownOptions, showOption } from "@conclave/api/backend";

export interface EtcdOptions {
  /**
   * Each `"host:port"` or `"http(s)://host:port"`, in a list or separated by commas; tried in turn, from any one on. The
   * port defaults to 2379. All with TLS or all without.
   */
  readonly hosts: readonly string[] | string;
  /** A user of etcd's own authentication. */
  readonly auth?: { readonly username: string; readonly password: string };
  /** TLS. Given, or with `https` hosts, connections are encrypted and the server's certificate is checked. */
  readonly credentials?: {
    readonly rootCertificate: Uint8Array;
    readonly privateKey?: Uint8Array;
    readonly certChain?: Uint8Array;
  };
  /** How long one host may take to open a session; less when the time to connect would not do for every host. Default 5,000. */
  readonly connectTimeoutMs?: number;
}

/** `EtcdOptions`, checked and complete. */
export interface EtcdConfig {
  readonly hosts: readonly EtcdHost[];
  readonly auth: { readonly username: string; readonly password: string } | undefined;
  readonly credentials: TlsCredentials | undefined;
  readonly connectTimeoutMs: number;
}

export interface EtcdHost {
  /** `host:port`, for messages. */
  readonly name: string;
  /** As etcd3 takes it, with the scheme. */
  readonly url: string;
}

export interface TlsCredentials {
  readonly rootCertificate: Buffer;
  readonly privateKey?: Buffer;
  readonly certChain?: Buffer;
}

export function checkOptions(options: EtcdOptions): EtcdConfig {
  if (typeof options !== "object" || options === null) throw invalid(`etcd: options must be an object`);
  rejectUnknownOptions("etcd", options, ["hosts", "auth", "credentials", "connectTimeoutMs"]);
  const { connectTimeoutMs = 5_000 } = options;
  checkDuration("etcd: connectTimeoutMs", connectTimeoutMs, 1);
  return {
    hosts: checkHosts(options.hosts, options.credentials !== undefined),
    auth: options.auth === undefined ? undefined : checkAuth(options.auth),
    credentials: options.credentials === undefined ? undefined : checkCredentials(options.credentials),
    connectTimeoutMs,
  };
}

function checkHosts(value: unknown, tls: boolean): EtcdHost[] {
  rejectCredentials(value);
  const list: unknown = typeof value === "string" ? value.split(",") : value;
  if (!Array.isArray(list) || list.length === 0) {
    throw invalid(`etcd: hosts must be a list such as ["127.0.0.1:2379"], not ${showOption(value)}`);
  }
  for (const host of list) rejectCredentials(host);
  const hosts = list.map((host: unknown) => checkHost(host, tls));
  if (new Set(hosts.map((host) => host.url.split(":")[0])).size > 1) {
    throw invalid("etcd: hosts must be all http or all https");
  }
  return hosts;
}

/** Before anything is split or shown: a password may have a comma, too. */
function rejectCredentials(value: unknown): void {
  if (typeof value === "string" && value.includes("@")) {
    throw invalid(`etcd: hosts: ${showOption(value)} carries credentials; use the option auth`);
  }
}

function checkHost(value: unknown, tls: boolean): EtcdHost {
  const wrong = (what: string): ConclaveError => invalid(`etcd: hosts: ${showOption(value)} ${what}`);
  if (typeof value !== "string") throw wrong("is not host:port");
  const host = value.trim();
  const withScheme = host.includes("://") ? host : `${tls ? "https" : "http"}://${host}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") {
    throw wrong("is not host:port, with or without http(s)://");
  }
  if ((url.pathname !== "/" && url.pathname !== "") || url.search !== "" || url.hash !== "") {
    throw wrong("is not host:port: it has more");
  }
  if (tls && url.protocol === "http:") {
    throw wrong("is http, but TLS credentials are given");
  }
  const explicit = /:(\d+)\/?$/.exec(withScheme)?.[1];
  const port = explicit === undefined ? 2379 : Number(explicit);
  if (port < 1) throw wrong("is not host:port: the port is 0");
  const name = `${url.hostname}:${port}`;
  return { name, url: `${url.protocol}//${name}` };
}

function checkAuth(value: unknown): { username: string; password: string } {
  if (typeof value !== "object" || value === null) throw invalid("etcd: auth must be { username, password }");
  rejectUnknownOptions("etcd: auth", value, ["username", "password"]);
  const { username, password } = value as { username?: unknown; password?: unknown };
  if (typeof username !== "string" || username === "") {
    throw invalid(`etcd: auth.username must be a string that is not empty, not ${showOption(username)}`);
  }
  if (typeof password !== "string") throw invalid("etcd: auth.password must be a string");
  return { username, password };
}

function checkCredentials(value: unknown): TlsCredentials {
  if (typeof value !== "object" || value === null) {
    throw invalid("etcd: credentials must be { rootCertificate, privateKey?, certChain? }");
  }
  rejectUnknownOptions("etcd: credentials", value, ["rootCertificate", "privateKey", "certChain"]);
  const given = value as { rootCertificate?: unknown; privateKey?: unknown; certChain?: unknown };
  if ((given.privateKey === undefined) !== (given.certChain === undefined)) {
    throw invalid("etcd: credentials.privateKey and credentials.certChain belong together");
  }
  const rootCertificate = bytes("rootCertificate", given.rootCertificate);
  if (given.privateKey === undefined) return { rootCertificate };
  return {
    rootCertificate,
    privateKey: bytes("privateKey", given.privateKey),
    certChain: bytes("certChain", given.certChain),
  };
}

function bytes(name: string, value: unknown): Buffer {
  if (!(value instanceof Uint8Array)) throw invalid(`etcd: credentials.${name} must be bytes (PEM)`);
  return Buffer.from(value);
}

function invalid(message: string): ConclaveError {
  return new ConclaveError("INVALID_ARGUMENT", message);
}
