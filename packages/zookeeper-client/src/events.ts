import { badPacket } from "./errors.js";
import type { Reader } from "./reader.js";

/** `"children"`: the node's list of children changed; `"changed"`: its data. */
export type WatchEventType = "created" | "deleted" | "changed" | "children";

export interface WatchEvent {
  readonly type: WatchEventType;
  readonly path: string;
  /** The transaction that made the event; servers before 3.9 don't tell. */
  readonly zxid: bigint | undefined;
}

const types = new Map<number, WatchEventType>([
  [1, "created"],
  [2, "deleted"],
  [3, "changed"],
  [4, "children"],
]);
/** `None` and the removals of watches: they are made by clients, and mean nothing from a server. */
const LEAST = -1;
const MOST = 7;

/** `undefined` for an event that is not about a node. */
export function readEvent(reader: Reader, zxid: bigint): WatchEvent | undefined {
  const number = reader.int32();
  reader.int32();
  const path = reader.string();
  const type = types.get(number);
  if (type === undefined) {
    if (number < LEAST || number > MOST) throw badPacket(`an event of type ${number}`);
    return undefined;
  }
  return { type, path, zxid: zxid > 0n ? zxid : undefined };
}
