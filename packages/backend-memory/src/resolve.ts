import type { CreateOperation, Operation, OperationResult } from "@conclave/api/backend";
import type { Entry } from "./entry.js";
import { type Namespace, parentOf } from "./namespace.js";
import type { Tree } from "./tree.js";

/**
 * Finds out what became of a commit whose reply was lost, by the tag that its new nodes carry (OUT-3). `undefined`
 * when the tree does not tell: it was not applied, or what it made has been changed or deleted since.
 */
export function resolveCommit(
  tree: Tree,
  namespace: Namespace,
  operations: readonly Operation[],
  tag: string,
): readonly OperationResult[] | undefined {
  const found = new Set<Entry>();
  for (const operation of operations) {
    if (operation.type !== "create") continue;
    const entry = findCreated(tree, namespace, operation, tag, found);
    if (entry === undefined) return undefined;
    found.add(entry);
  }
  const [any] = found;
  if (any === undefined) return undefined;
  const created = found.values();
  const results: OperationResult[] = [];
  for (const operation of operations) {
    if (operation.type === "create") {
      const entry = created.next().value ?? any;
      results.push({ type: "create", path: namespace.relative(entry.path), sequence: entry.origin.sequence });
    } else if (operation.type === "set") {
      const entry = tree.get(namespace.absolute(operation.path));
      if (entry?.modRevision !== any.origin.createRevision) return undefined;
      results.push({ type: "set", version: entry.version, modRevision: entry.modRevision });
    } else {
      results.push({ type: operation.type });
    }
  }
  return results;
}

/** The entry of a line with this tag. */
export function findInLine(tree: Tree, line: string, tag: string): Entry | undefined {
  for (let entry = tree.get(line)?.last; entry !== undefined; entry = entry.ahead) {
    if (entry.origin.tag === tag) return entry;
  }
  return undefined;
}

function findCreated(
  tree: Tree,
  namespace: Namespace,
  operation: CreateOperation,
  tag: string,
  taken: ReadonlySet<Entry>,
): Entry | undefined {
  const path = namespace.absolute(operation.path);
  if (!operation.sequential) {
    const entry = tree.get(path);
    return entry?.origin.tag === tag ? entry : undefined;
  }
  for (const child of tree.get(parentOf(path))?.children.values() ?? []) {
    if (child.origin.tag === tag && child.path.startsWith(path) && !taken.has(child)) return child;
  }
  return undefined;
}
