import { ConclaveError } from "@conclave/api/backend";
import type { Contact } from "./contact.js";

export interface LostReplyQuestion<T> {
  /** Looks, at the store, for what the request made. */
  readonly find: () => T | undefined;
  /** What to reject with when there is nothing. */
  readonly notFound: (lost: ConclaveError) => ConclaveError;
}

/** Waits for a reply; when it is lost, asks the store, once that can be asked, what became of the request (OUT-3). */
export async function resolveIfLost<T>(
  contact: Contact,
  sent: Promise<T>,
  question: LostReplyQuestion<T>,
): Promise<T> {
  try {
    return await sent;
  } catch (error) {
    if (!isConnectionLost(error) || error.outcome !== "unknown") throw error;
    const found = await ask(contact, question.find);
    if (found === undefined) throw question.notFound(error);
    return found;
  }
}

async function ask<T>(contact: Contact, find: () => T | undefined): Promise<T | undefined> {
  for (;;) {
    await contact.connected();
    try {
      return await contact.request("resolve", find);
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
    }
  }
}

function isConnectionLost(error: unknown): error is ConclaveError {
  return ConclaveError.is(error, "CONNECTION_LOST");
}
