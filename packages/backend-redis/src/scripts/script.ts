import { createHash } from "node:crypto";

/** A Lua script that the server runs whole or not at all. `KEYS[1]` is the namespace's base key, `ARGV[1]` the operation's name. */
export interface Script {
  readonly name: string;
  readonly source: string;
  readonly sha: string;
}

export function script(name: string, ...parts: readonly string[]): Script {
  const source = parts.join("\n");
  return { name, source, sha: createHash("sha1").update(source).digest("hex") };
}
