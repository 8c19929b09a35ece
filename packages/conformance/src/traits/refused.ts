import { ok } from "node:assert";
import { ConclaveError, type ErrorCode } from "@conclave/api";
import type { Kit, KitClient } from "../kit.js";
import {
  type Input,
  operations,
  type PublicOperation,
  run,
  type Subjects,
  subjectsOf,
} from "./operations/index.js";

interface Refusal {
  readonly operations: (operation: PublicOperation) => boolean;
  readonly inputs: readonly Partial<Input>[];
  readonly code: ErrorCode;
}

/** Each of the operations refuses each of the inputs, with this code, at once, and without asking the store. */
export async function refuses(kit: Kit, { operations: concerned, inputs, code }: Refusal): Promise<void> {
  const subjects = await subjectsOf(kit);
  const refusals = async () => {
    for (const operation of operations.filter(concerned)) {
      for (const input of inputs) await refusesOne(operation, subjects, input, code);
    }
  };
  await withoutContact(kit, subjects.client, refusals);
}

/** Whatever asks the store does not end while `check` runs, which must. */
export async function withoutContact(
  kit: Kit,
  { session, test }: KitClient,
  check: () => Promise<void>,
): Promise<void> {
  await test.link?.blackHole();
  await kit.within("the refusals", session.timeoutMs / 4, check());
  await test.link?.heal();
  await kit.within("an operation afterwards", session.timeoutMs, session.get("/"));
}

async function refusesOne(
  operation: PublicOperation,
  subjects: Subjects,
  input: Partial<Input>,
  code: ErrorCode,
): Promise<void> {
  const error = await run(operation, subjects, input).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const what = `${operation.name} with ${describe(input)}`;
  ok(ConclaveError.is(error), `${what}: expected ${code}, got ${String(error)}`);
  ok(error.code === code, `${what}: expected ${code}, got ${error.code}, ${error.message}`);
  ok(error.outcome === "not-applied", `${what}: its outcome is ${error.outcome}`);
}

function describe({ path, data, options }: Partial<Input>): string {
  const given = data === undefined ? { path, options } : { data: typeof data, length: data?.length };
  return `${JSON.stringify(given)}`.slice(0, 100);
}
