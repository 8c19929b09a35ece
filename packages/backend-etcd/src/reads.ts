import type { Child, ChildNode, Node } from "@conclave/api/backend";
import type { IKeyValue, IRangeRequest, KVClient } from "etcd3";
import { isCompacted } from "./errors.js";
import type { Keys } from "./keys.js";
import { sequenceOf } from "./names.js";

/** Keys per request of a listing: large answers would hold up everything else on the connection. */
const PAGE = 1_000;

export function toNode(path: string, kv: IKeyValue): Node {
  return {
    path,
    // A copy: etcd's answer is one big buffer, which would be kept as long as any of its values.
    data: new Uint8Array(kv.value),
    version: Number(kv.version) - 1,
    createRevision: BigInt(kv.create_revision),
    modRevision: BigInt(kv.mod_revision),
    ephemeralOwner: ownerOf(kv.lease),
  };
}

/** The session that owns a key: the id of its lease, in hexadecimal. */
export function ownerOf(lease: string): string | undefined {
  return lease === "0" ? undefined : BigInt.asUintN(64, BigInt(lease)).toString(16);
}

export function toChild(name: string, kv: IKeyValue): Child {
  return { name, sequence: sequenceOf(name, BigInt(kv.create_revision)) };
}

export function toChildNode(name: string, path: string, kv: IKeyValue): ChildNode {
  return { ...toChild(name, kv), node: toNode(path, kv) };
}

export async function readNode(
  kv: KVClient,
  keys: Keys,
  path: string,
): Promise<{ node: Node | undefined; revision: bigint }> {
  const { kvs, header } = await kv.range({ key: keys.node(path) });
  const found = kvs[0];
  return { node: found === undefined ? undefined : toNode(path, found), revision: BigInt(header.revision) };
}

export interface Listing {
  /** Whether the node itself has a key; keys below it may be there without (NODE-10). */
  readonly present: boolean;
  /** Whether anything is there, the node or something below it, at whatever depth. */
  readonly exists: boolean;
  readonly children: readonly { readonly name: string; readonly kv: IKeyValue }[];
  readonly revision: bigint;
}

/** Lists the children of a node as they stood at one revision. */
export async function listChildren(
  kv: KVClient,
  keys: Keys,
  path: string,
  withData: boolean,
): Promise<Listing> {
  for (;;) {
    try {
      return await listAtOneRevision(kv, keys, path, withData);
    } catch (error) {
      // A compaction came between two pages.
      if (!isCompacted(error)) throw error;
    }
  }
}

async function listAtOneRevision(
  kv: KVClient,
  keys: Keys,
  path: string,
  withData: boolean,
): Promise<Listing> {
  const below: IRangeRequest = { ...keys.below(path), limit: PAGE, keys_only: !withData };
  const first = await kv.txn({
    compare: [],
    success: [
      { request_range: { key: keys.node(path), keys_only: true } },
      // Unsorted is by key; asked to sort, etcd fetches the whole range before it applies the limit.
      { request_range: below },
    ],
  });
  const revision = first.header.revision;
  const present = (first.responses[0]?.response_range.kvs.length ?? 0) > 0;
  const children: { name: string; kv: IKeyValue }[] = [];
  let page = first.responses[1]?.response_range;
  const exists = present || (page?.kvs.length ?? 0) > 0;
  while (page !== undefined) {
    for (const found of page.kvs) {
      const name = keys.childName(path, found.key);
      if (name !== undefined) children.push({ name, kv: found });
    }
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) break;
    page = await kv.range({ ...below, key: keys.listAfter(path, last.key), revision });
  }
  return { present, exists, children, revision: BigInt(revision) };
}
