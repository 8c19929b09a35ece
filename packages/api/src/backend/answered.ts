import { ConclaveError } from "../errors.js";
import type { Link, LinkConnection } from "./link.js";

/** Repeats a read, over one connection after another, until it is answered. Rejects when the link is closed, or with what the store refuses. */
export async function readUntilAnswered<C extends LinkConnection, T>(
  link: Link<C>,
  read: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!ConclaveError.is(error, "CONNECTION_LOST")) throw error;
    }
    await link.whenUp();
  }
}

/**
 * Sends a write and, each time that its reply is lost, sends it again over the next connection, until a reply comes (OUT-3). For
 * writes of which the store lets only one sending take effect, once, in whatever order they arrive.
 *
 * `lost` tells that the reply is to a repetition: an earlier sending may have taken effect. Rejects with what the first sending was
 * refused with; once a reply was lost, with `unknownOutcome`.
 */
export async function writeUntilAnswered<C extends LinkConnection, T>(
  link: Link<C>,
  send: (again: boolean) => Promise<T>,
): Promise<{ readonly reply: T; readonly lost: boolean }> {
  for (let lost = false; ; lost = true) {
    try {
      return { reply: await send(lost), lost };
    } catch (error) {
      const mayHaveHappened = lost || (ConclaveError.is(error) && error.outcome === "unknown");
      if (!mayHaveHappened) throw error;
      if (!ConclaveError.is(error, "CONNECTION_LOST")) throw lost ? unknownOutcome(error) : error;
    }
    await link.whenUp().catch((error: unknown) => {
      throw unknownOutcome(error);
    });
  }
}

/** For a call whose first request may have taken effect, whatever became of the second. */
export function unknownOutcome(cause: unknown): ConclaveError {
  const code = ConclaveError.is(cause, "SESSION_LOST") ? "SESSION_LOST" : "CONNECTION_LOST";
  const message = "contact with the store broke during the call, and what became of it can't be told";
  return new ConclaveError(code, message, { outcome: "unknown", cause });
}
