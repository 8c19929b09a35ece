import { ConclaveError, systemClock, within } from "@conclave/api/backend";
import type { Connection } from "./connection.js";
import { type Entry, fieldsOf, idOf, streamsIn, toEntry } from "./entries.js";
import type { Follower } from "./followers.js";
import { parentOf } from "./keys.js";
import { numberAt, textAt } from "./replies.js";
import { attach, unwatch, watch } from "./scripts/index.js";
import { concerns, Subscription } from "./subscription.js";

const RETRY_DELAY_MS = 100;

export interface WatchesOptions {
  readonly base: string;
  readonly sessionId: string;
  readonly timeoutMs: number;
  /** The store says that the session is over. */
  ended(): void;
  /** The first of all sessions is due in so many ms; -1 for none. */
  firstDue(inMs: number): void;
  /** One more session is. */
  alsoDue(inMs: number): void;
}

/**
 * All watches of a session. The store keeps a stream for the session, in which the scripts that change a node that it watches
 * write the change; one blocking read waits there. Entries are numbered without a gap, so that a read goes on after a
 * disconnection where the last one ended, or sees that it cannot: then everything is read again, whole.
 */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #subscriptions = new Map<string, Set<Subscription>>();
  readonly #retries = new Set<NodeJS.Timeout>();
  #connection: Connection | undefined;
  /** The server's process that the position is about. */
  #run: string | undefined;
  #position = 0;
  #isReading = false;

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  /** The number of the last entry that was read. */
  get position(): number {
    return this.#position;
  }

  follow(follower: Follower): () => void {
    const subscription = new Subscription(follower);
    const { key } = subscription;
    const those = this.#subscriptions.get(key) ?? new Set();
    this.#subscriptions.set(key, those.add(subscription));
    void this.#start(subscription);
    void this.#listen();
    return () => this.#stop(subscription);
  }

  /** Continues on a new connection. */
  attach(connection: Connection): void {
    this.#connection = connection;
    this.#isReading = false;
    void this.#listen();
  }

  detach(): void {
    this.#connection = undefined;
    for (const subscription of this.#all()) {
      // A read that was under way is asked again; and of children each new connection brings a whole listing.
      if (subscription.readAt !== undefined && subscription.follower.kind === "n") continue;
      subscription.attempt++;
      subscription.readAt = undefined;
    }
  }

  close(): void {
    this.detach();
    this.#subscriptions.clear();
    for (const retry of this.#retries) clearTimeout(retry);
    this.#retries.clear();
  }

  *#all(): Iterable<Subscription> {
    for (const those of this.#subscriptions.values()) yield* those;
  }

  #stop(subscription: Subscription): void {
    const { key, follower } = subscription;
    const those = this.#subscriptions.get(key);
    if (those?.delete(subscription) !== true) return;
    subscription.attempt++;
    if (those.size > 0) return;
    this.#subscriptions.delete(key);
    // Unheard, it costs some entries that concern nobody, until the session ends.
    this.#connection?.exec(unwatch, [this.#options.sessionId, follower.path, follower.kind]).catch(() => {});
  }

  async #start(subscription: Subscription): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    const attempt = ++subscription.attempt;
    subscription.readAt = undefined;
    subscription.held = [];
    const { follower } = subscription;
    try {
      const reply = await connection.exec(watch, [this.#options.sessionId, follower.path, follower.kind]);
      if (subscription.attempt !== attempt) return;
      if (reply[0] === -1) {
        this.#options.ended();
        return;
      }
      subscription.readAt = numberAt(reply, 1);
      follower.snapshot(reply);
      const { held } = subscription;
      subscription.held = [];
      for (const entry of held) this.#tell(subscription, entry);
    } catch (error) {
      if (subscription.attempt !== attempt) return;
      if (ConclaveError.is(error, "ACCESS_DENIED")) this.#fail(subscription, error);
      // When the connection broke, the next one starts the watch again.
      else if (!ConclaveError.is(error, "CONNECTION_LOST")) this.#startLater(subscription, attempt);
    }
  }

  #startLater(subscription: Subscription, attempt: number): void {
    const retry = setTimeout(() => {
      this.#retries.delete(retry);
      if (subscription.attempt === attempt) void this.#start(subscription);
    }, RETRY_DELAY_MS);
    this.#retries.add(retry);
  }

  #fail(subscription: Subscription, error: Error): void {
    this.#stop(subscription);
    subscription.follower.failed(error);
  }

  /** Finds out where to go on, and reads until the connection breaks. Nothing is read before there is a first watch. */
  async #listen(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || this.#isReading || this.#subscriptions.size === 0) return;
    this.#isReading = true;
    try {
      const reply = await connection.exec(attach, [this.#options.sessionId]);
      if (this.#connection !== connection) return;
      if (reply[0] === -1) {
        this.#options.ended();
        return;
      }
      this.#resume(connection, numberAt(reply, 1), textAt(reply, 2));
      this.#options.firstDue(numberAt(reply, 4));
      await this.#readAll(connection, textAt(reply, 3));
    } catch (error) {
      if (this.#connection === connection) connection.break(error);
    }
  }

  /** `last` is the number of the stream's last entry; `oldest` the id of the first one that is left, "" for none. */
  #resume(connection: Connection, last: number, oldest: string): void {
    const next = this.#position + 1;
    const isWhole = last < next || (oldest !== "" && Number(oldest.split("-")[0]) <= next);
    const goesOn = this.#run === connection.run && last >= this.#position && isWhole;
    if (this.#run !== undefined && !goesOn) {
      this.#position = last;
      this.#startAll();
    } else {
      for (const subscription of this.#all()) {
        if (subscription.readAt === undefined) void this.#start(subscription);
      }
    }
    this.#run = connection.run;
  }

  #startAll(): void {
    for (const subscription of this.#all()) void this.#start(subscription);
  }

  async #readAll(connection: Connection, lastDue: string): Promise<void> {
    const { base, sessionId, timeoutMs } = this.#options;
    const own = `${base}:e:${sessionId}`;
    const due = `${base}:due`;
    const blockMs = timeoutMs / 3;
    let dueId = lastDue;
    while (this.#connection === connection) {
      const streams = new Map([
        [own, `${this.#position}-0`],
        [due, dueId],
      ]);
      const reply = await within(
        systemClock,
        blockMs + timeoutMs / 3,
        connection.read(blockMs, streams),
        () => new Error("no answer to a blocking read"),
      );
      if (this.#connection !== connection) return;
      const found = streamsIn(reply ?? []);
      for (const entry of found.get(due) ?? []) {
        dueId = idOf(entry);
        this.#options.alsoDue(Number(String(fieldsOf(entry)[1])));
      }
      for (const entry of found.get(own) ?? []) this.#take(toEntry(entry));
    }
  }

  #take(entry: Entry): void {
    if (entry.isEnd) {
      this.#options.ended();
      return;
    }
    if (entry.number !== this.#position + 1) this.#startAll();
    this.#position = entry.number;
    for (const subscription of this.#concernedBy(entry)) this.#tell(subscription, entry);
  }

  #concernedBy(entry: Entry): ReadonlySet<Subscription> {
    const concerned = new Set<Subscription>();
    for (const { path } of entry.changes) {
      for (const key of [`n${path}`, `c${path}`, `d${path}`, `c${parentOf(path)}`, `d${parentOf(path)}`]) {
        for (const subscription of this.#subscriptions.get(key) ?? []) concerned.add(subscription);
      }
    }
    return concerned;
  }

  #tell(subscription: Subscription, entry: Entry): void {
    const { follower, readAt } = subscription;
    if (readAt === undefined) {
      subscription.held.push(entry);
      return;
    }
    if (entry.revision <= readAt) return;
    const changes = entry.changes.filter(({ path }) => concerns(follower, path));
    if (changes.some(({ isCut }) => isCut)) void this.#start(subscription);
    else if (changes.length > 0) follower.apply(changes);
  }
}
