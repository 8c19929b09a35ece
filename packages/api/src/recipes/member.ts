import type { ChildNode } from "../backend/operations.js";

/** One member of a group, as the others see it. */
export interface Member {
  readonly id: string;
  readonly data: Uint8Array;
  /** Store revision at which it joined, or came back after a session loss: the order of members, and what tells it from its return. */
  readonly createRevision: bigint;
  readonly sessionId: string;
}

/** The member that a node stands for; `undefined` for a node that no session holds. */
export function memberOf({ name, node }: ChildNode): Member | undefined {
  const { data, createRevision, ephemeralOwner } = node;
  if (ephemeralOwner === undefined) return undefined;
  return { id: name, data, createRevision, sessionId: ephemeralOwner };
}

/** Members first come first: the same order for everybody who sees the same members. */
export function inOrder(members: Iterable<Member>): readonly Member[] {
  return [...members].sort((a, b) => {
    if (a.createRevision !== b.createRevision) return a.createRevision < b.createRevision ? -1 : 1;
    return a.id < b.id ? -1 : 1;
  });
}
