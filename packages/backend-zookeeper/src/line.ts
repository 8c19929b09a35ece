import { randomUUID } from "node:crypto";
import {
  ConclaveError,
  type LineEntry,
  type LineNode,
  type LookAhead,
  type Neighbour,
  type Standing,
  type Ticket,
} from "@conclave/api/backend";
import { create } from "./create.js";
import type { Created } from "./driver.js";
import { entryNamePrefix, inOrder, labelOf } from "./entry-names.js";
import { Code, isContactLost, toConclaveError, ZooKeeperError } from "./errors.js";
import type { Link } from "./link.js";
import { join, type Namespace, parentOf } from "./paths.js";
import { toNode } from "./reads.js";

const ANY_VERSION = -1;

/**
 * Waiting lines in the layout of Apache Curator's `InterProcessMutex` and `LeaderLatch` with protection: ephemeral
 * sequential children `_c_<uuid>-lock-<sequence>` and `_c_<uuid>-latch-<sequence>`, judged by the sequence among all
 * children that have one; and of its `InterProcessReadWriteLock`.
 */
export class Lines {
  readonly #link: Link;
  readonly #namespace: Namespace;

  constructor(link: Link, namespace: Namespace) {
    this.#link = link;
    this.#namespace = namespace;
  }

  async enqueue(line: string, entry: LineEntry, look: LookAhead): Promise<Ticket> {
    const parent = this.#namespace.toStore(line);
    const tag = randomUUID();
    const path = join(parent, entryNamePrefix(entry.label, tag));
    const request = { path, data: entry.data, ephemeral: true, sequential: true } as const;
    const creation = { ...request, parents: true, tag, repeatable: true };
    let listing: Promise<readonly string[] | undefined> | undefined;
    try {
      const own = await create(this.#link, creation, (connection) => {
        const made = connection.create(request);
        // Sent together: the reply to the second shows the line just after we joined it.
        listing = connection.children(parent, { watch: false });
        listing.catch(() => {});
        return made;
      });
      try {
        return await this.#ticket(line, own, listing, look);
      } catch (error) {
        await this.#takeBack(own.path);
        throw error;
      }
    } catch (error) {
      throw toConclaveError(error, line);
    }
  }

  async standing(ticket: Ticket, look: LookAhead): Promise<Standing> {
    try {
      const connection = this.#link.require(ticket.path);
      const parent = this.#namespace.toStore(ticket.line);
      const path = this.#namespace.toStore(ticket.path);
      const [, stat, names] = await Promise.all([
        connection.sync(parent),
        connection.exists(path, { watch: false }),
        connection.children(parent, { watch: false }),
      ]);
      if (stat?.czxid !== ticket.createRevision || stat.ephemeralOwner !== connection.session.id) {
        return { present: false };
      }
      // Deleted between the two reads.
      if (names?.includes(nameOf(path)) !== true) return { present: false };
      return { present: true, ahead: aheadOf(ticket.line, path, names, look) };
    } catch (error) {
      throw toConclaveError(error, ticket.path);
    }
  }

  async leave(ticket: Ticket): Promise<void> {
    const path = this.#namespace.toStore(ticket.path);
    try {
      // The name is unique: nobody else's entry ever has it.
      await this.#link.require(ticket.path).delete(path, ANY_VERSION);
    } catch (error) {
      if (!ZooKeeperError.is(error, Code.NONODE)) throw toConclaveError(error, ticket.path);
    }
  }

  async entries(line: string, limit: number): Promise<readonly LineNode[]> {
    const parent = this.#namespace.toStore(line);
    try {
      const connection = this.#link.require(line);
      const synced = connection.sync(parent);
      synced.catch(() => {});
      for (;;) {
        const names = inOrder((await connection.children(parent, { watch: false })) ?? []).slice(0, limit);
        await synced;
        const found = await Promise.all(
          names.map(async (name) => {
            const node = await connection.get(join(parent, name), { watch: false });
            return node && { ...toNode(join(line, name), node), label: labelOf(name) };
          }),
        );
        const nodes = found.filter((node) => node !== undefined);
        // Otherwise all of them left in between, and others may be first.
        if (nodes.length > 0 || names.length === 0) return nodes;
      }
    } catch (error) {
      throw toConclaveError(error, line);
    }
  }

  /** Removes an entry of which nobody is told, and which would hold up everybody behind it. */
  async #takeBack(own: string): Promise<void> {
    for (;;) {
      try {
        return await (await this.#link.connected()).delete(own, ANY_VERSION);
      } catch (error) {
        // Gone already, or to go with the session.
        if (!isContactLost(error)) return;
      }
    }
  }

  /** Where the create did not tell its revision, it is read; and once more if contact breaks in between. */
  async #ticket(
    line: string,
    { path: own, stat: made }: Created,
    listing: Promise<readonly string[] | undefined> | undefined,
    look: LookAhead,
  ): Promise<Ticket> {
    const path = this.#namespace.fromStore(own);
    let names = await settled(listing);
    const told = (createRevision: bigint, listed: readonly string[]): Ticket => ({
      line,
      path,
      createRevision,
      ahead: aheadOf(line, own, listed, look),
      followed: inOrder(listed).at(-1) !== nameOf(own),
    });
    if (made !== undefined && names?.includes(nameOf(own)) === true) return told(made.czxid, names);
    for (;;) {
      const connection = await this.#link.connected();
      try {
        const [stat, listed] = await Promise.all([
          connection.exists(own, { watch: false }),
          names?.includes(nameOf(own)) === true
            ? names
            : connection.children(parentOf(own), { watch: false }),
        ]);
        // Somebody deleted the entry before we knew its revision.
        if (stat === undefined || listed?.includes(nameOf(own)) !== true) {
          throw new ConclaveError("NOT_HELD", `${path} was deleted at once`, { path });
        }
        return told(stat.czxid, listed);
      } catch (error) {
        if (!isContactLost(error)) throw error;
        names = undefined;
      }
    }
  }
}

/** Those ahead of the entry at `own`, nearest first. */
function aheadOf(
  line: string,
  own: string,
  names: readonly string[],
  { label, limit }: LookAhead,
): readonly Neighbour[] {
  const sorted = inOrder(names);
  return sorted
    .slice(0, sorted.indexOf(nameOf(own)))
    .map((name) => ({ path: join(line, name), label: labelOf(name) }))
    .filter((neighbour) => label === undefined || neighbour.label === label)
    .slice(-limit)
    .reverse();
}

async function settled<T>(promise: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await promise;
  } catch {
    return undefined;
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
