import { ConclaveError, rejectUnknownOptions } from "@conclave/api/backend";

export interface EtcdOptions {
  /** `"host:port"` or `"http(s)://host:port"`, tried in turn. All with TLS or all without. */
  readonly hosts: readonly string[] | string;
  /** A user of etcd's own authentication. */
  readonly auth?: { readonly username: string; readonly password: string };
  /** TLS. Given, or with `https` hosts, connections are encrypted and the server's certificate is checked. */
  readonly credentials?: {
    readonly rootCertificate: Uint8Array;
    readonly privateKey?: Uint8Array;
    readonly certChain?: Uint8Array;
  };
  /** How long one host may take to accept a connection, and to open a session on it. Default 5,000. */
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

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export function checkOptions(options: EtcdOptions): EtcdConfig {
  if (typeof options !== "object" || options === null) throw invalid(`etcd: options must be an object`);
  rejectUnknownOptions("etcd", options, ["hosts", "auth", "credentials", "connectTimeoutMs"]);
  return {
    hosts: checkHosts(options.hosts, options.credentials !== undefined),
    auth: options.auth === undefined ? undefined : checkAuth(options.auth),
    credentials: options.credentials === undefined ? undefined : checkCredentials(options.credentials),
    connectTimeoutMs: checkTimeout(options.connectTimeoutMs ?? 5_000),
  };
}

function checkHosts(value: unknown, tls: boolean): EtcdHost[] {
  const list: unknown = typeof value === "string" ? [value] : value;
  if (!Array.isArray(list) || list.length === 0) {
    throw invalid(`etcd: hosts must be a host or a list of at least one, got ${show(value)}`);
  }
  const hosts = list.map((host: unknown) => checkHost(host, tls));
  if (new Set(hosts.map((host) => host.url.split(":")[0])).size > 1) {
    throw invalid("etcd: hosts must be all http or all https");
  }
  return hosts;
}

function checkHost(value: unknown, tls: boolean): EtcdHost {
  if (typeof value !== "string") throw invalid(`etcd: a host must be a string, got ${show(value)}`);
  // Whatever stands before an @ may be a password: it is not repeated in any message.
  if (value.includes("@")) {
    throw invalid(
      `etcd: host ${show(`***@${value.slice(value.lastIndexOf("@") + 1)}`)} carries credentials; use the option auth`,
    );
  }
  const withScheme = value.includes("://") ? value : `${tls ? "https" : "http"}://${value}`;
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") {
    throw invalid(`etcd: host ${show(value)} is neither "host:port" nor "http(s)://host:port"`);
  }
  if ((url.pathname !== "/" && url.pathname !== "") || url.search !== "" || url.hash !== "") {
    throw invalid(`etcd: host ${show(value)} has more than a host and a port`);
  }
  if (tls && url.protocol === "http:") {
    throw invalid(`etcd: host ${show(value)} is http, but TLS credentials are given`);
  }
  const explicit = /:(\d+)\/?$/.exec(withScheme)?.[1];
  const port = explicit === undefined ? 2379 : Number(explicit);
  if (port < 1) throw invalid(`etcd: host ${show(value)} has port ${port}`);
  const name = `${url.hostname}:${port}`;
  return { name, url: `${url.protocol}//${name}` };
}

function checkAuth(value: unknown): { username: string; password: string } {
  if (typeof value !== "object" || value === null) throw invalid("etcd: auth must be { username, password }");
  rejectUnknownOptions("etcd: auth", value, ["username", "password"]);
  const { username, password } = value as { username?: unknown; password?: unknown };
  if (typeof username !== "string" || username === "") {
    throw invalid(`etcd: auth.username must be a string that is not empty, got ${show(username)}`);
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

function checkTimeout(value: unknown): number {
  if (typeof value !== "number" || !(value > 0 && value <= MAX_TIMEOUT_MS)) {
    throw invalid(`etcd: connectTimeoutMs must be a number of milliseconds above 0, got ${show(value)}`);
  }
  return value;
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

function invalid(message: string): ConclaveError {
  return new ConclaveError("INVALID_ARGUMENT", message);
}
