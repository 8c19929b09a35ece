import {
  ZooKeeperError as ClientError,
  type NodeData as ClientNodeData,
  type MultiResult as ClientResult,
  type Stat as ClientStat,
  ConnectionError,
  type NodeChildren,
} from "@conclave/zookeeper-client";
import type { Created, MultiResult, NodeData, SessionKey, Stat } from "./driver.js";
import { Code, ZooKeeperError } from "./errors.js";

/* What `@conclave/zookeeper-client` gives, as the driver's interface has it. */

export function toClientKey({ id, password }: SessionKey): {
  readonly id: bigint;
  readonly password: Buffer;
} {
  return { id: BigInt(`0x${id}`), password: Buffer.from(password, "hex") };
}

export function toStat({ version, czxid, mzxid, pzxid, ephemeralOwner }: ClientStat): Stat {
  return {
    version,
    czxid,
    mzxid,
    pzxid,
    ephemeralOwner: ephemeralOwner === 0n ? undefined : ephemeralOwner.toString(16),
  };
}

export function toCreated({ path, stat }: { readonly path: string; readonly stat: ClientStat }): Created {
  return { path, stat: toStat(stat) };
}

export function toResult(result: ClientResult): MultiResult {
  if (result.type === "create") return { type: "create", path: result.path };
  return result.type === "set" ? { type: "set", stat: toStat(result.stat) } : result;
}

export function toNodeData({ data, stat }: ClientNodeData): NodeData {
  return { data, stat: toStat(stat) };
}

export function toNames({ children }: NodeChildren): readonly string[] {
  return children;
}

export function absent(error: unknown): undefined {
  if (ClientError.is(error, "NONODE")) return undefined;
  return rethrow(error);
}

export function rethrow(error: unknown): never {
  throw translated(error);
}

function translated(error: unknown): ZooKeeperError {
  if (error instanceof ClientError) {
    return new ZooKeeperError(error.number, { sent: true, operation: error.operation, cause: error });
  }
  if (error instanceof ConnectionError) {
    const { message } = error;
    return new ZooKeeperError(Code.CONNECTIONLOSS, {
      sent: error.outcome === "unknown",
      message,
      cause: error,
    });
  }
  // The client refuses what can't be right before it sends anything.
  return new ZooKeeperError(Code.BADARGUMENTS, { sent: false, cause: error });
}

/** Why there is no connection, as the link above reports it beside the name of the server. */
export function connectFailure(error: unknown): unknown {
  if (error instanceof ClientError) return new ZooKeeperError(error.number, { sent: false, cause: error });
  if (!(error instanceof ConnectionError)) return error;
  const { cause } = error;
  return cause instanceof ConnectionError || cause === undefined ? new Error(reason(cause ?? error)) : cause;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
