import { badArgument } from "./errors.js";

const SLASH = 0x2f;
const DOT = 0x2e;

/** What is wrong with a path, by ZooKeeper's rules (`PathUtils.validatePath`); `undefined` if nothing is. */
export function pathProblem(path: unknown): TypeError | undefined {
  if (typeof path !== "string") return badArgument(`a path must be a string, not ${typeof path}`);
  if (path.charCodeAt(0) !== SLASH) return wrong(path, 'must begin with "/"');
  const { length } = path;
  if (length === 1) return undefined;
  let nameAt = 1;
  for (let i = 1; i <= length; i++) {
    const unit = i === length ? SLASH : path.charCodeAt(i);
    if (unit === SLASH) {
      const size = i - nameAt;
      if (size === 0) return wrong(path, i === length ? 'must not end with "/"' : "has an empty name");
      if (
        path.charCodeAt(nameAt) === DOT &&
        (size === 1 || (size === 2 && path.charCodeAt(nameAt + 1) === DOT))
      )
        return wrong(path, "must not be relative");
      nameAt = i + 1;
    } else if (isForbidden(unit)) {
      return wrong(path, `has a forbidden character, ${unit.toString(16)} in hex`);
    }
  }
  return undefined;
}

/** The path of a sequential node may end with a slash: the number becomes the whole name. */
export function sequentialPathProblem(path: unknown): TypeError | undefined {
  return pathProblem(typeof path === "string" && path !== "" ? `${path}0` : path);
}

function isForbidden(unit: number): boolean {
  if (unit > 0x1f && unit < 0x7f) return false;
  return unit <= 0x9f || (unit >= 0xd800 && unit <= 0xf8ff) || unit >= 0xfff0;
}

function wrong(path: string, rule: string): TypeError {
  return badArgument(`the path ${JSON.stringify(path.slice(0, 200))} ${rule}`);
}
