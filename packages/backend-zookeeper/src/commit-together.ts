import { ConclaveError, type Guard, type Operation, type OperationResult } from "@conclave/api/backend";
import { type Company, create, inCompany, reconnected } from "./create.js";
import type { Connection, Created } from "./driver.js";
import { isContactLost, isOutcomeUnknown, toConclaveError } from "./errors.js";
import type { Link } from "./link.js";
import type { Namespace } from "./paths.js";
import { isResolvable, resolveTransaction } from "./resolve.js";
import { Transaction } from "./transaction.js";

/** Applies operations in one transaction of ZooKeeper's, together with the check of their guard. */
export async function commitTogether(
  link: Link,
  namespace: Namespace,
  operations: readonly Operation[],
  guard: Guard | undefined,
): Promise<readonly OperationResult[]> {
  const transaction = new Transaction(namespace, operations, guard);
  const path = operations[0]?.path ?? "/";
  try {
    const [only, ...more] = operations;
    if (only?.type === "create" && more.length === 0) return [await createGuarded(link, transaction)];
    const created = transaction.located.flatMap(({ operation, path: at }) =>
      operation.type === "create" ? [at] : [],
    );
    return await inCompany(link, created, (company) => sendOnce(link, transaction, path, company));
  } catch (error) {
    throw toConclaveError(error, path);
  }
}

/** A single create, which is sent again when it is certain that it made nothing (OUT-3). */
async function createGuarded(link: Link, transaction: Transaction): Promise<OperationResult> {
  const [one] = transaction.located;
  if (one?.operation.type !== "create") throw new Error("not a create");
  const { operation, path, tag } = one;
  const { data, ephemeral, sequential } = operation;
  let result: OperationResult | undefined;
  const send = async (connection: Connection): Promise<Created> => {
    [result] = await sendOn(transaction, connection);
    return { path, stat: undefined };
  };
  // The transaction makes the parents by itself.
  const creation = { path, data, ephemeral, sequential, tag, parents: false, repeatable: false };
  try {
    const found = await create(link, creation, send);
    return result ?? transaction.created(operation, found.path);
  } catch (error) {
    throw toConclaveError(error, operation.path, { operation: 0 });
  }
}

/**
 * A transaction of which what was deleted or changed meanwhile is not certain can't be sent again: only what still tells of it
 * resolves a lost reply.
 */
async function sendOnce(
  link: Link,
  transaction: Transaction,
  path: string,
  company: Company,
): Promise<readonly OperationResult[]> {
  const zxidBefore = link.lastZxid;
  let lost: unknown;
  try {
    return await sendOn(transaction, link.require(path));
  } catch (error) {
    if (!isOutcomeUnknown(error) || !isResolvable(transaction)) throw error;
    lost = error;
  }
  for (;;) {
    const connection = await reconnected(link, path);
    try {
      const { crowded } = company;
      const results = await resolveTransaction(connection, transaction, { zxidBefore, crowded });
      if (results === undefined) throw lost;
      return results;
    } catch (error) {
      if (error === lost) throw error;
      if (!isContactLost(error)) throw toConclaveError(error, path, { outcome: "unknown" });
    }
    // A request may fail a moment before the link hears that its connection is over.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function sendOn(transaction: Transaction, connection: Connection): Promise<readonly OperationResult[]> {
  const { multi } = connection;
  if (multi === undefined) {
    throw new ConclaveError("UNSUPPORTED", "the native ZooKeeper client has no transactions (multi)");
  }
  return transaction.send(connection, multi);
}
