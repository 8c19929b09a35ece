import { ConclaveError } from "@conclave/api/backend";
import type { IDuplexStream, IEvent, IWatchRequest, IWatchResponse } from "etcd3";
import type { Connection } from "./connection.js";
import { isAccessReason } from "./errors.js";
import type { KeyRange } from "./keys.js";

const RETRY_DELAY_MS = 100;

/** What follows a range of keys: reads its state whole, then hears of every later change, in order. */
export interface Follower {
  readonly range: { readonly key: Buffer } | KeyRange;
  /** The revision up to which everything is known without a read. */
  readonly since?: bigint;
  /**
   * Reads its state again on each new connection, and does not resume after the last event seen: while missed events come in, it
   * could not tell when the last of them has come, and so when it is up to date.
   */
  readonly readsAgain?: boolean;
  /** Reads the state; `report` is called only if nothing has overtaken the read. */
  read(connection: Connection): Promise<{ readonly revision: bigint; report(): void }>;
  apply(events: readonly IEvent[]): void;
  failed(error: Error): void;
}

/**
 * One etcd watch, through all that may befall it. A watch starts in sync (a start in the past waits for etcd's next
 * 100 ms round), is then read, and from there on passes on what is later than the read. It resumes after the last
 * event that it saw: a response's header may be ahead of events still to come.
 */
class Subscription {
  readonly follower: Follower;
  /** The id of the current etcd watch; a new one each time, so that late answers to an old one are recognised. */
  id = 0;
  lastSeen: bigint | undefined;
  reading = false;
  held: IEvent[] = [];
  fragments: IEvent[] = [];
  tokenRenewed = false;

  constructor(follower: Follower) {
    this.follower = follower;
    this.lastSeen = follower.since;
  }

  /** Events later than what was seen. Duplicates are dropped. */
  deliver(events: readonly IEvent[]): void {
    const seen = this.lastSeen;
    if (seen === undefined) return;
    const later = events.filter((event) => BigInt(event.kv.mod_revision) > seen);
    const last = later.at(-1);
    if (last === undefined) return;
    this.lastSeen = BigInt(last.kv.mod_revision);
    this.follower.apply(later);
  }
}

/** All watches of a session, over one stream per connection. */
export class Watches {
  readonly #subscriptions = new Set<Subscription>();
  readonly #byId = new Map<number, Subscription>();
  readonly #retries = new Set<NodeJS.Timeout>();
  /** Ids of watches whose creation is not answered yet, in order: a refusal may come without the id. */
  #asked: number[] = [];
  #connection: Connection | undefined;
  #stream: IDuplexStream<IWatchRequest, IWatchResponse> | undefined;
  #lastId = 0;

  follow(follower: Follower): () => void {
    const subscription = new Subscription(follower);
    this.#subscriptions.add(subscription);
    this.#start(subscription);
    return () => {
      if (!this.#subscriptions.delete(subscription)) return;
      this.#forget(subscription, true);
    };
  }

  /** Continues all watches on a new connection. */
  attach(connection: Connection): void {
    this.#connection = connection;
    void this.#open(connection);
  }

  detach(): void {
    this.#connection = undefined;
    this.#stream = undefined;
    this.#byId.clear();
    this.#asked = [];
    for (const subscription of this.#subscriptions) {
      subscription.id = 0;
      if (subscription.follower.readsAgain) subscription.lastSeen = undefined;
    }
  }

  close(): void {
    this.detach();
    this.#subscriptions.clear();
    for (const retry of this.#retries) clearTimeout(retry);
    this.#retries.clear();
  }

  async #open(connection: Connection): Promise<void> {
    try {
      const stream = await connection.watch.watch();
      connection.own(stream);
      const current = (): boolean => this.#stream === stream;
      stream.on("data", (response) => {
        if (current()) this.#take(response);
      });
      stream.on("error", (error) => {
        connection.disown(stream);
        if (current()) connection.break(error);
      });
      stream.on("end", () => {
        connection.disown(stream);
        if (current()) connection.break(new Error("etcd ended the watch stream"));
      });
      if (this.#connection !== connection) {
        stream.cancel();
        return;
      }
      this.#stream = stream;
      for (const subscription of this.#subscriptions) this.#start(subscription);
    } catch (error) {
      connection.break(error);
    }
  }

  /** Asks for an etcd watch: from where it was, or in sync and to be read. */
  #start(subscription: Subscription): void {
    if (this.#stream === undefined) return;
    this.#forget(subscription, false);
    // A read that was under way may have told nobody anything: its state is not seen.
    if (subscription.reading) subscription.lastSeen = undefined;
    subscription.reading = false;
    subscription.held = [];
    subscription.fragments = [];
    subscription.id = ++this.#lastId;
    this.#byId.set(subscription.id, subscription);
    this.#asked.push(subscription.id);
    const { lastSeen } = subscription;
    this.#stream.write({
      create_request: {
        ...subscription.follower.range,
        watch_id: subscription.id,
        start_revision: lastSeen === undefined ? "0" : String(lastSeen + 1n),
      },
    });
  }

  #forget(subscription: Subscription, tell: boolean): void {
    if (subscription.id === 0) return;
    this.#byId.delete(subscription.id);
    if (tell) this.#stream?.write({ cancel_request: { watch_id: subscription.id } });
    subscription.id = 0;
  }

  #take(response: IWatchResponse): void {
    let id = Number(response.watch_id);
    if (response.created) {
      const asked = this.#asked.shift();
      // Newer servers refuse with -1 for an id; answers to creations come in order.
      if (id < 0) id = asked ?? 0;
    }
    const subscription = this.#byId.get(id);
    if (subscription === undefined) return;
    if (response.canceled) {
      this.#canceled(subscription, response);
      return;
    }
    if (response.created) {
      subscription.tokenRenewed = false;
      if (subscription.lastSeen === undefined) void this.#read(subscription);
    }
    subscription.fragments.push(...response.events);
    if (response.fragment) return;
    const events = subscription.fragments;
    subscription.fragments = [];
    if (events.length === 0) return;
    if (subscription.lastSeen === undefined) subscription.held.push(...events);
    else subscription.deliver(events);
  }

  async #read(subscription: Subscription): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    const { id } = subscription;
    subscription.reading = true;
    try {
      const { revision, report } = await subscription.follower.read(connection);
      if (subscription.id !== id) return;
      subscription.reading = false;
      subscription.lastSeen = revision;
      report();
      const held = subscription.held;
      subscription.held = [];
      subscription.deliver(held);
    } catch (error) {
      if (subscription.id !== id) return;
      if (ConclaveError.is(error, "ACCESS_DENIED")) this.#fail(subscription, error);
      // When the connection broke, the next one starts the watch again.
      else if (!connection.broken.aborted) this.#startLater(subscription);
    }
  }

  #canceled(subscription: Subscription, response: IWatchResponse): void {
    this.#forget(subscription, false);
    if (response.compact_revision !== "0") {
      subscription.lastSeen = undefined;
      this.#start(subscription);
    } else if (!isAccessReason(response.cancel_reason)) {
      this.#startLater(subscription);
    } else {
      if (subscription.tokenRenewed) {
        this.#fail(subscription, new ConclaveError("ACCESS_DENIED", `etcd: ${response.cancel_reason}`));
      }
      // The stream goes on with the token that it was opened with, which may have expired since.
      subscription.tokenRenewed = true;
      void this.#reopen();
    }
  }

  /** A stream on which etcd refused a watch takes no more requests (etcd 3.4), so this is done either way. */
  async #reopen(): Promise<void> {
    const connection = this.#connection;
    const stream = this.#stream;
    if (connection === undefined || stream === undefined) return;
    this.#stream = undefined;
    this.#byId.clear();
    this.#asked = [];
    for (const subscription of this.#subscriptions) subscription.id = 0;
    stream.cancel();
    try {
      await connection.authenticate();
      if (this.#connection === connection) await this.#open(connection);
    } catch (error) {
      connection.break(error);
    }
  }

  #fail(subscription: Subscription, error: Error): void {
    this.#subscriptions.delete(subscription);
    this.#forget(subscription, true);
    subscription.follower.failed(error);
  }

  #startLater(subscription: Subscription): void {
    this.#forget(subscription, true);
    const retry = setTimeout(() => {
      this.#retries.delete(retry);
      if (this.#subscriptions.has(subscription) && subscription.id === 0) this.#start(subscription);
    }, RETRY_DELAY_MS);
    this.#retries.add(retry);
  }
}
