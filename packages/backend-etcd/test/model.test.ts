import { ConclaveError, type Operation } from "@conclave/api/backend";
import fc from "fast-check";
import { expect, test } from "vitest";
import { check, create, linearizable, remove, set, setUp } from "./helpers.js";

const setting = setUp();

/** The tree as the contract says it, as plainly as can be: applied one operation after the other, on a copy. */
class Model {
  nodes = new Map<string, { version: number; ephemeral: boolean }>([["/", { version: 0, ephemeral: false }]]);

  /** The code and index of the first operation that fails; then nothing has changed. */
  commit(operations: readonly Operation[]): { code: string; operation: number } | undefined {
    const before = new Map([...this.nodes].map(([path, node]) => [path, { ...node }]));
    for (const [index, operation] of operations.entries()) {
      const code = this.#apply(operation);
      if (code !== undefined) {
        this.nodes = before;
        return { code, operation: index };
      }
    }
    return undefined;
  }

  childrenOf(path: string): string[] {
    const prefix = path === "/" ? "/" : `${path}/`;
    return [...this.nodes.keys()]
      .filter(
        (other) => other.startsWith(prefix) && other !== "/" && !other.slice(prefix.length).includes("/"),
      )
      .map((other) => other.slice(prefix.length))
      .sort();
  }

  #apply(operation: Operation): string | undefined {
    const { path } = operation;
    const node = this.nodes.get(path);
    if (operation.type === "create") {
      const parent = this.nodes.get(path.slice(0, path.lastIndexOf("/")) || "/");
      if (parent === undefined) return "NO_NODE";
      if (node !== undefined) return "NODE_EXISTS";
      if (parent.ephemeral) return "EPHEMERAL_PARENT";
      this.nodes.set(path, { version: 0, ephemeral: operation.ephemeral });
      return undefined;
    }
    if (operation.type === "check" && !operation.exists)
      return node === undefined ? undefined : "NODE_EXISTS";
    if (node === undefined) return "NO_NODE";
    if (operation.ifVersion !== undefined && operation.ifVersion !== node.version) return "BAD_VERSION";
    if (operation.type === "set") node.version++;
    if (operation.type === "delete") {
      if (this.childrenOf(path).length > 0) return "NOT_EMPTY";
      this.nodes.delete(path);
    }
    return undefined;
  }
}

// Names whose order as keys is a trap: "-" sorts before "/", "0" right after it.
const segment = fc.constantFrom("a", "a-", "a0", "b");
const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => `/${segments.join("/")}`);
const ifVersion = fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined, freq: 2 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ at: path, ephemeral: fc.boolean() }).map(toCreate) },
  { weight: 2, arbitrary: fc.tuple(path, ifVersion).map(([at, version]) => set(at, "x", version)) },
  { weight: 4, arbitrary: fc.tuple(path, ifVersion).map(([at, version]) => remove(at, version)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(path, fc.boolean(), ifVersion)
      .map(([at, exists, version]) => check(at, exists, exists ? version : undefined)),
  },
);

function toCreate({ at, ephemeral }: { at: string; ephemeral: boolean }): Operation {
  return create(at, { ephemeral });
}

/** No path is written twice in one commit. */
const transaction = fc.array(operation, { minLength: 1, maxLength: 6 }).map((operations) => {
  const written = new Set<string>();
  return operations.filter(({ type, path }) => {
    if (type === "check") return true;
    if (written.has(path)) return false;
    return written.add(path);
  });
});

test("TXN-1 commits do to the tree, and refuse, what the model does and refuses", async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(transaction, { maxLength: 15 }), async (transactions) => {
      const { session } = await setting.open({ namespace: `${setting.namespace}-${run++}` });
      const model = new Model();
      try {
        for (const operations of transactions) {
          const expected = model.commit(operations);
          const failure = await session.commit(operations, undefined).then(
            () => undefined,
            (error: unknown) => error,
          );
          const actual = ConclaveError.is(failure)
            ? { code: failure.code, operation: failure.operation }
            : failure;
          expect(actual).toEqual(expected);
        }
        for (const [at, { version, ephemeral }] of model.nodes) {
          expect(await session.get(at, linearizable)).toMatchObject({
            version,
            ephemeralOwner: ephemeral ? session.id : undefined,
          });
          const listed = await session.children(at, linearizable);
          expect(listed?.map(({ name }) => name).sort()).toEqual(model.childrenOf(at));
        }
      } finally {
        await session.close();
      }
    }),
    { numRuns: 150 },
  );
}, 60_000);
