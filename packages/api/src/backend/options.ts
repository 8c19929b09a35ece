import { ConclaveError } from "../errors.js";

/** An option's value for a message. What stands before an "@", or inside a list or an object, may be a secret: it is not shown. */
export function showOption(value: unknown): string {
  if (typeof value === "string") {
    const at = value.lastIndexOf("@");
    return JSON.stringify(at < 0 ? value : `***${value.slice(at)}`);
  }
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "function" ? "a function" : String(value);
}

/** Throws `INVALID_ARGUMENT` for an option that `where` does not know, so that a misspelt one is never ignored. */
export function rejectUnknownOptions(where: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `${where}: unknown option ${JSON.stringify(name)}; it takes ${known.join(", ")}`,
      );
    }
  }
}
