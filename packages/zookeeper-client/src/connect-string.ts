import { badArgument } from "./errors.js";
import { pathProblem } from "./paths.js";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Servers {
  readonly addresses: readonly Address[];
  /** The part of the tree that counts as the whole. Default `/`. */
  readonly chroot: string;
}

const DEFAULT_PORT = 2181;

/** Reads `host:port,[::1]:port,host/chroot`. The port defaults to 2181. Throws a `TypeError`. */
export function parseConnectString(text: string): Servers {
  if (typeof text !== "string")
    throw badArgument("servers must be a string such as host:2181,host:2181/chroot");
  const slash = text.indexOf("/");
  const hosts = slash < 0 ? text : text.slice(0, slash);
  const chroot = slash < 0 ? "/" : text.slice(slash);
  const problem = pathProblem(chroot);
  if (problem !== undefined) throw problem;
  return { addresses: hosts.split(",").map(parseAddress), chroot };
}

function parseAddress(text: string): Address {
  // An IPv6 address stands in brackets, as in a URL.
  const match =
    /^\s*(?:\[([0-9a-fA-F:.]+(?:%[0-9A-Za-z._-]+)?)\]|([^\s:/[\]@?#,]+))(?::([0-9]{1,5}))?\s*$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    // What was mistaken for a host may hold a password.
    throw badArgument(`servers: ${text.includes("@") ? "one entry" : JSON.stringify(text)} is not host:port`);
  }
  return { host, port };
}
