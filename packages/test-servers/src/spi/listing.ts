import type { Child, ChildNode, ChildNodesSink } from "@conclave/api/backend";
import { expect } from "vitest";
import { text } from "./operations.js";

/** Names, with the data where they are told, or `undefined` for no parent, as the sink has told so far. */
export class Listing implements ChildNodesSink {
  names: Map<string, string | undefined> | undefined;
  snapshots = 0;
  changes = 0;
  failures: Error[] = [];

  snapshot(children: readonly (Child | ChildNode)[] | undefined): void {
    this.snapshots++;
    this.names =
      children &&
      new Map(children.map((child) => [child.name, "node" in child ? text(child.node) : undefined]));
  }

  changed(child: Child | ChildNode): void {
    this.changes++;
    expect(this.names, "a change needs a snapshot before").toBeDefined();
    this.names?.set(child.name, "node" in child ? text(child.node) : undefined);
  }

  removed(name: string): void {
    this.changes++;
    expect(this.names?.delete(name), `${name} was there`).toBe(true);
  }

  failed(error: Error): void {
    this.failures.push(error);
  }
}
