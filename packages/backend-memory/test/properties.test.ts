import type { BackendSession, ChildNode, Node, Operation } from "@conclave/api/backend";
import { ConclaveError } from "@conclave/api/backend";
import fc from "fast-check";
import { expect, test } from "vitest";
import { create, del, linearizable, open, set, virtualCluster } from "./support.js";

const path = fc
  .array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 3 })
  .map((names) => `/${names.join("/")}`);
const version = fc.constantFrom(undefined, undefined, 0, 1);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc
    .tuple(path, fc.boolean(), fc.boolean())
    .map(([at, ephemeral, sequential]) => create(at, { ephemeral, sequential })),
  path.map((at) => create(at, { parents: true })),
  fc.tuple(path, version).map(([at, ifVersion]) => set(at, "x", ifVersion)),
  fc.tuple(path, version).map(([at, ifVersion]) => del(at, ifVersion)),
);

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ who: fc.nat(1), commit: fc.array(operation, { minLength: 1, maxLength: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ who: fc.nat(1), expire: fc.constant(true) }) },
  { weight: 1, arbitrary: fc.record({ who: fc.nat(1), cut: fc.constant(true) }) },
);

/** All nodes, read from the top; so a child without its parent would be missing here and counted by the cluster. */
async function walk(session: BackendSession, at: string): Promise<readonly Node[]> {
  const node = await session.get(at, linearizable);
  if (node === undefined) return [];
  const children = (await session.childNodes(at, linearizable)) ?? [];
  if (node.ephemeralOwner !== undefined) expect(children).toEqual([]);
  const below = children.map((child: ChildNode) => walk(session, child.node.path));
  return [node, ...(await Promise.all(below)).flat()];
}

test("NODE-2 NODE-3 NODE-4 NODE-6 TXN-1 the tree stays whole under any operations", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { cluster } = virtualCluster();
      const clients = [await open({ cluster }), await open({ cluster })];
      const reader = await open({ cluster });
      let before = await walk(reader.session, "/");
      let newest = 0n;
      for (const action of steps) {
        const client = clients[action.who];
        if (client === undefined) continue;
        if ("cut" in action) {
          client.backend.faults.cut();
          await client.session.renew(10);
        } else if ("expire" in action) {
          cluster.expireSession(client.session.id);
          clients[action.who] = await open({ cluster });
        }
        const failed =
          "commit" in action &&
          (await client.session.commit(action.commit, undefined).then(
            () => false,
            (error: unknown) => ConclaveError.is(error),
          ));
        const after = await walk(reader.session, "/");
        // Every node hangs together with the root.
        expect(after).toHaveLength(cluster.nodes + 1);
        const owners = after.map((node) => node.ephemeralOwner).filter((owner) => owner !== undefined);
        for (const owner of owners) expect(cluster.sessions).toContain(owner);
        if (failed) expect(after).toEqual(before);
        const known = new Map(before.map((node) => [`${node.path} ${node.createRevision}`, node]));
        for (const node of after) {
          const earlier = known.get(`${node.path} ${node.createRevision}`);
          if (earlier === undefined) expect(node.createRevision).toBeGreaterThan(newest);
          else if (node.version === earlier.version) expect(node).toEqual(earlier);
          else expect(node.modRevision).toBeGreaterThan(newest);
          expect(node.modRevision >= node.createRevision).toBe(true);
        }
        for (const node of after) if (node.modRevision > newest) newest = node.modRevision;
        before = after;
      }
    }),
    { numRuns: 150 },
  );
});
