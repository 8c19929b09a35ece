import type { LineNode, LookAhead, Neighbour } from "@conclave/api/backend";
import { type Entry, nodeView } from "./entry.js";
import type { Namespace } from "./namespace.js";

export function lineEntryName(label: string, tag: string, sequence: bigint): string {
  return `${label}-${tag}-${sequence.toString().padStart(10, "0")}`;
}

/** Those ahead of an entry in its line, nearest first. */
export function aheadOf(
  entry: Entry,
  { label, limit }: LookAhead,
  namespace: Namespace,
): readonly Neighbour[] {
  const neighbours: Neighbour[] = [];
  for (let at = entry.ahead; at !== undefined && neighbours.length < limit; at = at.ahead) {
    const neighbour = { path: namespace.relative(at.path), label: labelOf(at) };
    if (label === undefined || neighbour.label === label) neighbours.push(neighbour);
  }
  return neighbours;
}

/** The entries of the line under a node, first to last. */
export function entriesOf(line: Entry | undefined, limit: number, namespace: Namespace): readonly LineNode[] {
  const nodes: LineNode[] = [];
  for (let entry = line?.first; entry !== undefined && nodes.length < limit; entry = entry.behind) {
    nodes.push({ ...nodeView(entry, namespace), label: labelOf(entry) });
  }
  return nodes;
}

/** Ephemeral sequential nodes that were not made by `enqueue` have none. */
function labelOf({ origin }: Entry): string | undefined {
  return /^([a-z]+(?:-[0-9]+)?)-[0-9]+x[0-9]+-[0-9]+$/.exec(origin.name)?.[1];
}
