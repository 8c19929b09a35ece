/** A range of keys as etcd takes it: from `key` up to, but not with, `range_end`. */
export interface KeyRange {
  readonly key: Buffer;
  readonly range_end: Buffer;
}

/**
 * Where nodes live: node `p` of namespace `ns` is the key `ns + p`, as everybody else writes keys (NODE-10); the
 * root is `ns` itself. Children of `k` are the keys `k/<name>`; a name never contains "/" or "\0".
 *
 * Session keys are `ns + "\0" + id`: under no node, so no listing, watch or emptiness check of this namespace meets
 * one; listings of an enclosing namespace leave them out for their "\0".
 */
export class Keys {
  readonly #base: string;

  constructor(namespace: string) {
    this.#base = namespace === "/" ? "" : namespace;
  }

  node(path: string): Buffer {
    return Buffer.from(this.#name(path));
  }

  session(id: string): Buffer {
    return Buffer.from(`${this.#base}\0${id}`);
  }

  /** Everything below a node, at any depth. */
  below(path: string): KeyRange {
    const name = this.#name(path);
    const directory = name === "/" ? "" : name;
    return { key: Buffer.from(`${directory}/\x01`), range_end: Buffer.from(`${directory}0`) };
  }

  /** The keys below a node whose names begin with `prefix`. */
  belowWith(path: string, prefix: string): KeyRange {
    if (prefix === "") return this.below(path);
    const start = Buffer.concat([this.#prefix(path), Buffer.from(prefix)]);
    return { key: start, range_end: Buffer.concat([start, Buffer.from([0xff])]) };
  }

  /** One range with a node and everything below it; siblings that sort in between are in it too. */
  spanning(path: string): KeyRange {
    return { key: this.node(path), range_end: this.below(path).range_end };
  }

  path(key: Buffer): string {
    const path = key.toString().slice(this.#base.length);
    return path === "" ? "/" : path;
  }

  /** The name of the child whose key this is, `undefined` if it is not the key of a child of `parent`. */
  childName(parent: string, key: Buffer): string | undefined {
    const rest = this.#restBelow(parent, key);
    return rest === undefined || rest === "" || /[/\0]/.test(rest) ? undefined : rest;
  }

  /** Where a listing of the children of `parent` goes on after `key`: a whole deeper subtree is passed at once. */
  listAfter(parent: string, key: Buffer): Buffer {
    // On bytes: a foreign key that is no UTF-8 would come back changed from a string, and elsewhere in the order.
    const start = this.#prefix(parent).length;
    const slash = key.indexOf("/", start);
    if (slash <= start) return Buffer.concat([key, Buffer.from([0])]);
    return Buffer.concat([key.subarray(0, slash), Buffer.from("0")]);
  }

  #restBelow(parent: string, key: Buffer): string | undefined {
    const prefix = this.#prefix(parent);
    return key.subarray(0, prefix.length).equals(prefix) ? key.subarray(prefix.length).toString() : undefined;
  }

  #prefix(parent: string): Buffer {
    const name = this.#name(parent);
    return Buffer.from(name === "/" ? "/" : `${name}/`);
  }

  #name(path: string): string {
    return path === "/" ? this.#base || "/" : this.#base + path;
  }
}

export function parentOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end <= 0 ? "/" : path.slice(0, end);
}

/** Ancestors that one Txn deals with at most; each costs up to three of etcd's 128 compares. */
const NEAR = 32;

/** The last of the ancestors of `path`, down to its parent. */
export function nearAncestorsOf(path: string): string[] {
  return ancestorsOf(path).slice(-NEAR);
}

/** From the root down to the parent of `path`. */
export function ancestorsOf(path: string): string[] {
  const ancestors: string[] = [];
  for (let at = path; at !== "/"; ) {
    at = parentOf(at);
    ancestors.unshift(at);
  }
  return ancestors;
}
