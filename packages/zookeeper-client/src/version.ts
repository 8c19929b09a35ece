import { badArgument } from "./errors.js";

/** In the place of a version: whichever it is. */
export const ANY_VERSION = -1;

/** What is wrong with a version. On the wire only its lowest 32 bits would be left, which may be another, or any. */
export function versionProblem(version: number): TypeError | undefined {
  if (Number.isInteger(version) && version >= -0x8000_0000 && version <= 0x7fff_ffff) return undefined;
  return badArgument(`a version must be a 32-bit integer, not ${version}`);
}
