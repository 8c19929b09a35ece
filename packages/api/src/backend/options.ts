import { ConclaveError } from "../errors.js";

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
