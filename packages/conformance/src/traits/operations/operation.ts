import type { Data } from "@conclave/api";
import type { Owner, Subjects } from "./subjects.js";

export interface Input {
  readonly path: string;
  readonly data: Data;
  readonly options: object;
}

/** A public operation, and what it takes. */
export interface PublicOperation {
  readonly owner: Owner;
  readonly method: string;
  /** As titles and messages name it. */
  readonly name: string;
  readonly call: (subjects: Subjects, input: Input) => unknown;
  /** It needs the store, or waits for it. Without: it answers from what is known here. */
  readonly io: boolean;
  readonly takesPath: boolean;
  readonly takesData: boolean;
  readonly takesOptions: boolean;
  readonly takesTimeLimit: boolean;
  /** Its options are one object with its data, which alone may be given. */
  readonly mergesOptions: boolean;
  /** It goes well after the end: it has nothing left to do, or says how it ended. */
  readonly harmless: boolean;
  /** What it yields ends quietly when its signal aborts; other operations reject with `ABORTED`. */
  readonly iterates: boolean;
}

type Features = Partial<Omit<PublicOperation, "owner" | "method" | "call">>;

export function operation(
  owner: Owner,
  method: string,
  features: Features,
  call: PublicOperation["call"],
): PublicOperation {
  return {
    owner,
    method,
    name: `${owner}.${features.name ?? method}`,
    call,
    io: true,
    takesPath: false,
    takesData: false,
    takesOptions: true,
    takesTimeLimit: false,
    mergesOptions: false,
    harmless: false,
    iterates: false,
    ...omitName(features),
  };
}

function omitName({ name: _, ...rest }: Features): Omit<Features, "name"> {
  return rest;
}

/** Carries an operation out, whether it throws, rejects or iterates; of an iteration, its first result. */
export async function run(
  { call }: PublicOperation,
  subjects: Subjects,
  input: Partial<Input> = {},
): Promise<unknown> {
  const result = await call(subjects, { path: "/node", data: "data", options: {}, ...input });
  if (!isIterable(result)) return result;
  const iterator = result[Symbol.asyncIterator]();
  try {
    return await iterator.next();
  } finally {
    await iterator.return?.();
  }
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/* Features that many have. */

export const merged = { takesData: true, mergesOptions: true };
export const local = { io: false, takesOptions: false, harmless: true };
export const wait = { takesTimeLimit: true };

export function asText(data: Data): string {
  return typeof data === "string" ? data : "x".repeat(data.length);
}
