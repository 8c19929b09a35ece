import { ConclaveError, type Link, readUntilAnswered, writeUntilAnswered } from "@conclave/api/backend";
import type { Connection } from "./connection.js";
import { sessionLost } from "./errors.js";
import { numberAt, type Reply } from "./replies.js";
import type { Argument } from "./request.js";
import type { Revisions } from "./revisions.js";
import type { Script } from "./scripts/index.js";

const NO_SESSION = -1;

/** The store as one session sees it: who it is, and requests that are sent once. */
export class Store {
  readonly sessionId: string;
  readonly #link: Link<Connection>;
  readonly #revisions: Revisions;
  /** The session is over, by what the store said. */
  readonly #over: (error: ConclaveError) => void;

  constructor(
    sessionId: string,
    link: Link<Connection>,
    revisions: Revisions,
    over: (error: ConclaveError) => void,
  ) {
    this.sessionId = sessionId;
    this.#link = link;
    this.#revisions = revisions;
    this.#over = over;
  }

  /** Runs a script that changes nothing. */
  async read(script: Script, args: readonly Argument[]): Promise<Reply> {
    return this.#admitted(await this.#link.connection.exec(script, args));
  }

  /** Repeats a read until it is answered. Rejects when the session is over, or with what the store refuses. */
  answered<T>(read: () => Promise<T>): Promise<T> {
    return readUntilAnswered(this.#link, read);
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
  writeUntilAnswered(
    script: Script,
    args: (again: boolean) => readonly Argument[],
  ): Promise<{ reply: Reply; lost: boolean }> {
    return writeUntilAnswered(this.#link, (again) => this.write(script, args(again)));
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
