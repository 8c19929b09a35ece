import type { Node } from "../../backend/operations.js";
import { ConclaveError, type ErrorCode } from "../../errors.js";
import { toBytes } from "../../internal/check.js";
import type { SchemaIssue, SchemaResult, StandardSchema } from "./standard-schema.js";

/** What is no text must not be read as other characters, which an update would then store. */
const strictUtf8 = new TextDecoder("utf-8", { fatal: true });
const shownIssues = 3;
const shownCharacters = 200;

export interface Encoded<Output> {
  readonly data: Uint8Array;
  readonly value: Output;
}

/** Values of a schema as a node's data: JSON, validated on the way in and on the way out. */
export class Codec<Input, Output> {
  readonly #schema: StandardSchema<Input, Output>;
  readonly #path: string;

  /** Throws `INVALID_ARGUMENT` for what is no Standard Schema. */
  constructor(schema: StandardSchema<Input, Output>, path: string) {
    const standard = schema?.["~standard"];
    if (standard?.version !== 1 || typeof standard.validate !== "function") {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        "config: schema must implement Standard Schema v1, as zod 3.24, valibot 1.0 and arktype 2.0 and later do",
        { path },
      );
    }
    this.#schema = schema;
    this.#path = path;
  }

  /**
   * The data for a value, and the value as it will be read. The latter is what is validated, so that what JSON cannot carry (a date, `undefined` in a
   * list) is refused here and not found there. Errors: `INVALID_ARGUMENT`, `DATA_TOO_LARGE`.
   */
  async encode(value: Input): Promise<Encoded<Output>> {
    let text: string | undefined;
    let cause: unknown;
    try {
      text = JSON.stringify(value);
    } catch (error) {
      cause = error;
    }
    if (text === undefined) {
      throw this.#error("INVALID_ARGUMENT", "JSON cannot express the value", cause);
    }
    const data = toBytes(text, this.#path);
    return { data, value: await this.#validate(JSON.parse(text), "INVALID_ARGUMENT", "the value") };
  }

  /** The value that a node holds. Errors: `INVALID_DATA`. */
  async decode(node: Node): Promise<Output> {
    let stored: unknown;
    try {
      stored = JSON.parse(strictUtf8.decode(node.data));
    } catch {
      // The parser's own message quotes what is there, which may be a secret that got there by mistake.
      throw this.#error("INVALID_DATA", `what is stored (${node.data.length} bytes) is not JSON`);
    }
    return this.#validate(stored, "INVALID_DATA", "what is stored");
  }

  async #validate(value: unknown, code: ErrorCode, what: string): Promise<Output> {
    let result: SchemaResult<Output>;
    try {
      result = await this.#schema["~standard"].validate(value);
    } catch (cause) {
      throw this.#error(code, `the schema threw at ${what}`, cause);
    }
    if (result.issues === undefined) return result.value;
    throw this.#error(code, `the schema refuses ${what}: ${listed(result.issues)}`);
  }

  #error(code: ErrorCode, why: string, cause?: unknown): ConclaveError {
    const path = this.#path;
    return new ConclaveError(code, `config ${JSON.stringify(path)}: ${why}`, { path, cause });
  }
}

function listed(issues: readonly SchemaIssue[]): string {
  const shown = issues.slice(0, shownIssues).map(({ path = [], message }) => {
    const at = path.map((step) => String(typeof step === "object" ? step.key : step)).join(".");
    return `${at === "" ? "" : `at ${at}: `}${message.slice(0, shownCharacters)}`;
  });
  const more = issues.length - shown.length;
  return shown.join("; ") + (more > 0 ? `; and ${more} more` : "");
}
