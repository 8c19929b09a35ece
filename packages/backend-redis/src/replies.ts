import type { Child, ChildNode, Node } from "@conclave/api/backend";
import { childPath } from "./keys.js";
import { sequenceOf } from "./names.js";

/** What a script answers: a list that begins with a number. */
export type Reply = readonly unknown[];

export function numberAt(reply: Reply, index: number): number {
  const value = reply[index];
  return typeof value === "number" ? value : Number(textAt(reply, index));
}

export function textAt(reply: Reply, index: number): string {
  const value = reply[index];
  return value instanceof Buffer ? value.toString() : String(value);
}

/** "e": what is stored of an ephemeral node begins with it. */
const EPHEMERAL = 101;

/** A node from what is stored of it: a line with version, create and modification revision, and its data. */
export function toNode(path: string, value: unknown, owner: unknown): Node {
  if (!(value instanceof Buffer)) throw new TypeError("a node without a value");
  const end = value.indexOf(10);
  const start = value[0] === EPHEMERAL ? 1 : 0;
  const [version, createRevision, modRevision] = value.toString("latin1", start, end).split(" ");
  return {
    path,
    // A copy: small values of one reply share a big buffer, which would be kept as long as any of them.
    data: new Uint8Array(value.subarray(end + 1)),
    version: Number(version),
    createRevision: BigInt(createRevision ?? 0),
    modRevision: BigInt(modRevision ?? 0),
    ephemeralOwner: owner instanceof Buffer && owner.length > 0 ? owner.toString("latin1") : undefined,
  };
}

export function toChild(name: string, createRevision: bigint): Child {
  return { name, sequence: sequenceOf(name, createRevision) };
}

export function toChildNode(name: string, node: Node): ChildNode {
  return { ...toChild(name, node.createRevision), node };
}

/** A node as `get` and `watch` reply it from `at` on. */
export function nodeIn(path: string, reply: Reply, at: number): Node | undefined {
  return reply[0] === 0 ? undefined : toNode(path, reply[at], reply[at + 1]);
}

/** Names and create revisions, from the third element on. */
export function namesIn(reply: Reply): Child[] | undefined {
  if (reply[0] === 0) return undefined;
  const children: Child[] = [];
  for (let at = 2; at < reply.length; at += 2) {
    children.push(toChild(textAt(reply, at), BigInt(textAt(reply, at + 1))));
  }
  return children;
}

/** Names, create revisions, values and owners, from the third element on. */
export function childNodesIn(parent: string, reply: Reply): ChildNode[] | undefined {
  if (reply[0] === 0) return undefined;
  const children: ChildNode[] = [];
  for (let at = 2; at < reply.length; at += 4) {
    const name = textAt(reply, at);
    children.push(toChildNode(name, toNode(childPath(parent, name), reply[at + 2], reply[at + 3])));
  }
  return children;
}
