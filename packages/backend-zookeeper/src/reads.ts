import type { Child, ChildNode, Node, ReadOptions } from "@conclave/api/backend";
import type { Connection, NodeData } from "./driver.js";
import { toConclaveError } from "./errors.js";
import type { Link } from "./link.js";
import { join, type Namespace, toChild } from "./paths.js";

export function toNode(path: string, { data, stat }: NodeData): Node {
  return {
    path,
    data,
    version: stat.version,
    createRevision: stat.czxid,
    modRevision: stat.mzxid,
    ephemeralOwner: stat.ephemeralOwner,
  };
}

const MAX_ROUNDS = 10;

async function readChild(
  connection: Connection,
  path: string,
  at: string,
  name: string,
): Promise<ChildNode | undefined> {
  const found = await connection.get(join(at, name), { watch: false });
  return found && { ...toChild(name), node: toNode(join(path, name), found) };
}

/** Reads of the present state. A linearizable one follows a sync on the same connection, sent together with it. */
export class Reads {
  readonly #link: Link;
  readonly #namespace: Namespace;

  constructor(link: Link, namespace: Namespace) {
    this.#link = link;
    this.#namespace = namespace;
  }

  get(path: string, options: ReadOptions): Promise<Node | undefined> {
    return this.#read(path, options, async (connection, at) => {
      const found = await connection.get(at, { watch: false });
      return found === undefined ? undefined : toNode(path, found);
    });
  }

  children(path: string, options: ReadOptions): Promise<readonly Child[] | undefined> {
    return this.#read(path, options, async (connection, at) => {
      const names = await connection.children(at, { watch: false });
      return names?.map(toChild);
    });
  }

  /**
   * As of one moment (TXN-2): read again when something had changed since what was last seen before. Where it changes in each of
   * `MAX_ROUNDS` round trips, children that vanish between the listing and the reading of their data are left out.
   */
  childNodes(path: string, options: ReadOptions): Promise<readonly ChildNode[] | undefined> {
    return this.#read(path, options, async (connection, at) => {
      for (let round = 1; ; round++) {
        const zxid = connection.lastZxid;
        const names = await connection.children(at, { watch: false });
        if (names === undefined) return undefined;
        const nodes = await Promise.all(names.map((name) => readChild(connection, path, at, name)));
        const found = nodes.filter((node) => node !== undefined);
        const isOfOneMoment =
          found.length === nodes.length && found.every(({ node }) => node.modRevision <= zxid);
        if (isOfOneMoment || round === MAX_ROUNDS) return found;
      }
    });
  }

  async #read<T>(
    path: string,
    { linearizable }: ReadOptions,
    read: (connection: Connection, at: string) => Promise<T>,
  ): Promise<T> {
    const at = this.#namespace.toStore(path);
    try {
      const connection = this.#link.require(path);
      const synced = linearizable ? connection.sync(at) : undefined;
      const [, result] = await Promise.all([synced, read(connection, at)]);
      return result;
    } catch (error) {
      throw toConclaveError(error, path);
    }
  }
}
