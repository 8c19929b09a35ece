import type { Guard } from "../backend/operations.js";
import type { BackendSession } from "../backend/session.js";
import { ConclaveError } from "../errors.js";
import { ephemeralNode, removeOwn, unlessPassed } from "./own-node.js";

/** The node at one path as each session in turn writes it. Every step may be repeated, so lost replies do no harm. */
export class SessionNode {
  readonly #path: string;
  /** The node as it was read in a session: a guard that spares reading it again. */
  #read: (Guard & { readonly sessionId: string }) | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * One round of making it show `data`; false when somebody else's node was in the way and has to be looked at again. Rejects with
   * `NODE_EXISTS` when a node that no session holds is in the way.
   */
  async put(backend: BackendSession, data: Uint8Array): Promise<boolean> {
    const path = this.#path;
    if (this.#read?.sessionId === backend.id && (await this.#set(backend, data, this.#read))) return true;
    try {
      await backend.commit([ephemeralNode(path, data)], undefined);
      return true;
    } catch (error) {
      if (!ConclaveError.is(error, "NODE_EXISTS")) throw error;
    }
    const node = await backend.get(path, { linearizable: true });
    if (node === undefined) return false;
    if (node.ephemeralOwner === backend.id) {
      const { createRevision } = node;
      this.#read = { path, createRevision, sessionId: backend.id };
      return this.#set(backend, data, this.#read);
    }
    if (node.ephemeralOwner === undefined) {
      throw new ConclaveError("NODE_EXISTS", `a node that no session holds is in the way at ${path}`, {
        path,
      });
    }
    // A node of an earlier session, of this process or of one before it, gives way.
    await unlessPassed(backend.commit([{ type: "delete", path, ifVersion: node.version }], undefined));
    return false;
  }

  /** Removes it, if this session made it. */
  remove(backend: BackendSession): Promise<void> {
    return removeOwn(backend, this.#path);
  }

  /** The guard tells the node from one that another session puts in its place meanwhile, of which the version may be the same. */
  async #set(backend: BackendSession, data: Uint8Array, guard: Guard): Promise<boolean> {
    const set = { type: "set", path: this.#path, data, ifVersion: undefined } as const;
    const isSet = await unlessPassed(backend.commit([set], guard));
    if (!isSet) this.#read = undefined;
    return isSet;
  }
}
