/** Maps the paths of one client, relative to its namespace, to those of the store, and back. */
export class Namespace {
  readonly root: string;
  readonly #prefix: string;

  constructor(root: string) {
    this.root = root;
    this.#prefix = root === "/" ? "" : root;
  }

  absolute(path: string): string {
    if (this.#prefix === "") return path;
    return path === "/" ? this.root : this.#prefix + path;
  }

  relative(path: string): string {
    if (this.#prefix === "") return path;
    return path === this.root ? "/" : path.slice(this.#prefix.length);
  }
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === 0 ? "/" : path.slice(0, slash);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function childPath(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}
