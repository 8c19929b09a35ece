/**
 * The key under which a namespace keeps its revision, and with which the names of all its other keys begin. The braces make the
 * namespace the hash tag: in a Redis Cluster all of its keys are in one slot, so that one script can use them together. Braces of
 * its own are written otherwise: they would end the tag, and make its keys look like those of another namespace.
 */
export function baseKey(prefix: string, namespace: string): string {
  const tag = namespace.replace(/[%{}]/g, (sign) => encodeURIComponent(sign));
  return `${prefix}{${tag}}`;
}

export function childPath(parent: string, name: string): string {
  return parent === "/" ? `/${name}` : `${parent}/${name}`;
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function parentOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end <= 0 ? "/" : path.slice(0, end);
}
