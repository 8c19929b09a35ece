import { ConclaveError } from "@conclave/api/backend";
import { sessionLost, unknown } from "./errors.js";
import type { Link } from "./link.js";
import { numberAt, type Reply } from "./replies.js";
import type { Argument } from "./request.js";
import type { Revisions } from "./revisions.js";
import type { Script } from "./scripts/index.js";

const NO_SESSION = -1;

/** The store as one session sees it: who it is, and requests that are sent once. */
export class Store {
  readonly sessionId: string;
  readonly #link: Link;
  readonly #revisions: Revisions;
  /** The session is over, by what the store said. */
  readonly #over: (error: ConclaveError) => void;

  constructor(sessionId: string, link: Link, revisions: Revisions, over: (error: ConclaveError) => void) {
    this.sessionId = sessionId;
    this.#link = link;
    this.#revisions = revisions;
    this.#over = over;
  }

  /** Runs a script that changes nothing. */
  async read(script: Script, args: readonly Argument[]): Promise<Reply> {
    return this.#admitted(await this.#link.connection.exec(script, args));
  }

  /** Runs a script that makes a commit and replies 0 and its revision, or a refusal. */
  async write(script: Script, args: readonly Argument[]): Promise<Reply> {
    const atSending = this.#revisions.highest;
    const reply = this.#admitted(await this.#link.connection.exec(script, args));
    if (reply[0] === 0 && reply.length > 1) this.#checkRevision(numberAt(reply, 1), atSending);
    return reply;
  }

  /**
   * Runs a script that makes a commit, and when the reply is lost runs it again, until a reply comes. Its receipt lets only one
   * of these take effect, once. `lost` tells that the reply is to a repetition.
   */
  async writeUntilAnswered(
    script: Script,
    args: (again: boolean) => readonly Argument[],
  ): Promise<{ reply: Reply; lost: boolean }> {
    for (let lost = false; ; lost = true) {
      try {
        return { reply: await this.write(script, args(lost)), lost };
      } catch (error) {
        const mayHaveHappened = lost || (ConclaveError.is(error) && error.outcome === "unknown");
        if (!mayHaveHappened) throw error;
        if (!ConclaveError.is(error, "CONNECTION_LOST")) throw lost ? unknown(error) : error;
      }
      await this.#link.whenUp().catch((error: unknown) => {
        throw unknown(error);
      });
    }
  }

  #checkRevision(revision: number, atSending: number): void {
    try {
      this.#revisions.check(revision, atSending);
    } catch (error) {
      if (ConclaveError.is(error)) this.#over(error);
      throw error;
    }
  }
  #admitted(reply: Reply): Reply {
    if (reply[0] !== NO_SESSION) return reply;
    const error = sessionLost();
    this.#over(error);
    throw error;
  }
}
