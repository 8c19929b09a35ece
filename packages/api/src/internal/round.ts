import type { Child, Node } from "../backend/operations.js";
import { ConclaveError } from "../errors.js";

/** One who stands at a double barrier. */
interface Standing {
  readonly name: string;
  readonly count: number;
  readonly sequence: bigint;
}

/** The latest round of a double barrier, as the node `ready` names its members. */
export interface Round {
  readonly members: readonly string[];
  readonly version: number;
  readonly modRevision: bigint;
}

/** What a member finds that no round has named yet. */
export type Finding =
  /** Its node is not there any more. */
  | { readonly type: "gone" }
  /** Somebody who came before it, and waits too, waits for another number. */
  | { readonly type: "disagreement"; readonly count: number }
  /** Enough wait, and nobody is inside: a round of these can begin. */
  | { readonly type: "complete"; readonly members: readonly string[] }
  /** Too few wait, or somebody of the former round is still inside. */
  | { readonly type: "wait"; readonly inside: string | undefined };

const memberName = /^member-([1-9]\d*)-./;

/** How the nodes of members begin. The number is in the name so that one listing shows who disagrees. */
export function memberPrefix(count: number): string {
  return `member-${count}-`;
}

export function encodeRound(members: readonly string[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ members }));
}

/** Throws `INVALID_DATA` when the node is not what a double barrier keeps there. */
export function decodeRound(node: Node): Round {
  const { version, modRevision } = node;
  const members = membersIn(node);
  if (members === undefined) {
    throw new ConclaveError(
      "INVALID_DATA",
      `${JSON.stringify(node.path)} does not hold the latest round of a double barrier, {"members":["..."]}`,
      { path: node.path },
    );
  }
  return { members, version, modRevision };
}

function membersIn(node: Node): readonly string[] | undefined {
  try {
    const { members } = JSON.parse(new TextDecoder().decode(node.data)) as { members?: unknown };
    const isNames = Array.isArray(members) && members.every((name) => typeof name === "string");
    return isNames ? members : undefined;
  } catch {
    return undefined;
  }
}

/** The last of a round's members that still stands. */
export function stillInside(
  members: readonly string[],
  children: readonly Child[] | undefined,
): string | undefined {
  const names = new Set(children?.map(({ name }) => name));
  return members.findLast((name) => names.has(name));
}

/**
 * Judges what the member `own` found, which `round` does not name. `children` must have been read after `round`: who is named there and still stands is then
 * among them. Names are never used again (NODE-7), so no round takes a member for one of another.
 */
export function judge(
  own: string,
  count: number,
  round: Round | undefined,
  children: readonly Child[] | undefined,
): Finding {
  const named = new Set(round?.members);
  const waiting = standing(children).filter(({ name }) => !named.has(name));
  const me = waiting.findIndex(({ name }) => name === own);
  if (me < 0) return { type: "gone" };
  const other = waiting.slice(0, me).find((member) => member.count !== count);
  if (other !== undefined) return { type: "disagreement", count: other.count };
  // Those of another number that came later will find that out for themselves.
  const alike = waiting.filter((member) => member.count === count);
  if (alike.length < count) return { type: "wait", inside: undefined };
  const inside = stillInside(round?.members ?? [], children);
  if (inside !== undefined) return { type: "wait", inside };
  return { type: "complete", members: alike.slice(0, count).map(({ name }) => name) };
}

/** In the order in which they came. */
function standing(children: readonly Child[] = []): readonly Standing[] {
  const members: Standing[] = [];
  for (const { name, sequence } of children) {
    const count = memberName.exec(name)?.[1];
    if (count !== undefined && sequence !== undefined) members.push({ name, count: Number(count), sequence });
  }
  return members.sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
}
