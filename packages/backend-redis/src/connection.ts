import { systemClock, within } from "@conclave/api/backend";
import { Command, type Redis } from "ioredis";
import { connectionLost, fromReply, isNoScript, isUnserved, replyCode, withoutCommand } from "./errors.js";
import { connectToMaster } from "./find.js";
import { inspect } from "./handshake.js";
import type { RedisConfig } from "./options.js";
import { Outgoing } from "./outgoing.js";
import { alongside, connected } from "./raw.js";
import type { Reply } from "./replies.js";
import { type Argument, Request } from "./request.js";
import { meet, type Script } from "./scripts/index.js";

/**
 * Contact with one server, over one connection and, once something is watched, a second one that blocks. It is made once and
 * breaks once, as a whole: it never reconnects, and it never sends a request a second time, unless the server said that it does
 * not know the script.
 */
export class Connection {
  /** Names the server's process: another one may have another past. */
  readonly run: string;
  /** Aborts, with the cause as its reason, when the connection breaks or is closed. */
  readonly broken: AbortSignal;
  readonly #base: string;
  readonly #raw: Redis;
  readonly #outgoing: Outgoing;
  readonly #timeoutMs: number;
  readonly #breaking = new AbortController();
  #blocking: Promise<Redis> | undefined;

  /** Connects and looks at the server. Rejects with the cause when that fails, takes too long or is aborted. */
  static async dial(
    config: RedisConfig,
    base: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Connection> {
    signal.throwIfAborted();
    const deadlineMs = performance.now() + timeoutMs;
    const raw = await connectToMaster(config, base, timeoutMs, signal);
    const abort = (): void => raw.disconnect();
    signal.addEventListener("abort", abort, { once: true });
    try {
      const run = await within(
        systemClock,
        deadlineMs - performance.now(),
        inspect(raw, config),
        () => new Error(`no answer within ${Math.round(timeoutMs)} ms`),
      );
      signal.throwIfAborted();
      const connection = new Connection(raw, base, run, timeoutMs);
      await within(
        systemClock,
        deadlineMs - performance.now(),
        connection.exec(meet, [run]),
        () => new Error(`no answer within ${Math.round(timeoutMs)} ms`),
      );
      signal.throwIfAborted();
      return connection;
    } catch (error) {
      raw.disconnect();
      signal.throwIfAborted();
      throw withoutCommand(error);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  private constructor(raw: Redis, base: string, run: string, timeoutMs: number) {
    this.run = run;
    this.broken = this.#breaking.signal;
    this.#base = base;
    this.#raw = raw;
    this.#outgoing = new Outgoing(raw);
    this.#timeoutMs = timeoutMs;
    this.#follow(raw);
  }

  /** Runs a script. Its name goes with it, for whoever looks at the server. */
  exec(script: Script, args: readonly Argument[]): Promise<Reply> {
    if (!this.broken.aborted && !this.#isOpen) {
      // It is told of that only in a later turn; until then callers would try again and again.
      this.break(new Error("the connection ended"));
    }
    if (this.broken.aborted) return Promise.reject(connectionLost("not-applied", this.broken.reason));
    return this.#send("evalsha", [script.sha, 1, this.#base, script.name, ...args]).catch(
      (error: unknown) => {
        if (!isNoScript(error)) throw this.#failure(error);
        return this.#execWhole(script, args);
      },
    );
  }

  async #execWhole({ source, name }: Script, args: readonly Argument[]): Promise<Reply> {
    if (this.broken.aborted) throw connectionLost("not-applied", this.broken.reason);
    try {
      return await this.#send("eval", [source, 1, this.#base, name, ...args]);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Waits, at most so long, for entries later than these in any of the streams. */
  async read(blockMs: number, streams: ReadonlyMap<string, string>): Promise<readonly unknown[] | null> {
    this.#blocking ??= connected(alongside(this.#raw, this.#timeoutMs), this.#timeoutMs, this.broken).then(
      (raw) => this.#follow(raw),
    );
    const raw = await this.#blocking;
    const args = ["COUNT", 200, "BLOCK", Math.max(1, Math.round(blockMs)), "STREAMS"];
    const command = new Command("xread", [...args, ...streams.keys(), ...streams.values()], {});
    return raw.sendCommand(command) as Promise<readonly unknown[] | null>;
  }

  /** Ends the connection; what is under way rejects with `CONNECTION_LOST`. Only the first cause counts. */
  break(cause: unknown): void {
    if (this.broken.aborted) return;
    this.#breaking.abort(cause);
    this.#raw.disconnect();
    this.#blocking?.then(
      (raw) => raw.disconnect(),
      () => {},
    );
  }

  get #isOpen(): boolean {
    return this.#raw.status === "ready" && this.#raw.stream.writable;
  }

  #follow(raw: Redis): Redis {
    let cause: unknown;
    raw.on("error", (error) => {
      cause = withoutCommand(error);
    });
    raw.on("close", () => this.break(cause ?? new Error("the server closed the connection")));
    if (raw.status !== "ready") this.break(new Error("the connection ended"));
    if (this.broken.aborted) raw.disconnect();
    return raw;
  }

  #send(name: string, args: readonly Argument[]): Promise<Reply> {
    return this.#raw.sendCommand(new Request(name, args), this.#outgoing) as Promise<Reply>;
  }

  #failure(error: unknown): Error {
    withoutCommand(error);
    if (!(error instanceof Error) || replyCode(error) === undefined) {
      this.break(error);
      return connectionLost("unknown", this.broken.reason);
    }
    // Replies that have arrived together with this one say for certain what became of their requests.
    if (isUnserved(error)) setImmediate(() => this.break(error));
    return fromReply(error, this.#base);
  }
}
