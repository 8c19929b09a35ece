import type { Child } from "@conclave/api/backend";

/** Where the caller's paths lie at the store. */
export class Namespace {
  readonly #prefix: string;

  constructor(namespace: string) {
    this.#prefix = namespace === "/" ? "" : namespace;
  }

  /** The node that is "/" to the caller. */
  get root(): string {
    return this.#prefix === "" ? "/" : this.#prefix;
  }

  toStore(path: string): string {
    return path === "/" ? this.root : `${this.#prefix}${path}`;
  }

  fromStore(path: string): string {
    return path === this.root ? "/" : path.slice(this.#prefix.length);
  }
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

export function join(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}

/** All ancestors of a path below "/", the topmost first. */
export function ancestorsOf(path: string): readonly string[] {
  const ancestors: string[] = [];
  for (let at = parentOf(path); at !== "/"; at = parentOf(at)) ancestors.unshift(at);
  return ancestors;
}

const WRAP = 1n << 32n;

/**
 * The number that the server appends to the name of a sequential node: ten digits, leading zeros included. It is a signed
 * `int` there, which goes on at -2147483648 after 2147483647; read without a sign, it goes on growing.
 */
export function sequenceOf(name: string): bigint | undefined {
  const negative = /[-_](-[0-9]{9,10})$/.exec(name)?.[1];
  if (negative !== undefined) return BigInt(negative) + WRAP;
  const digits = /[0-9]{10}$/.exec(name)?.[0];
  return digits === undefined ? undefined : BigInt(digits);
}

export function toChild(name: string): Child {
  return { name, sequence: sequenceOf(name) };
}
