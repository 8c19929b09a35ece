import { notSent, replyLost } from "./errors.js";
import { type Delivery, Exchange, Notice, type Request } from "./exchange.js";
import { Lane } from "./lane.js";
import type { Link } from "./link.js";
import type { RequestMethod } from "./requests.js";
import type { SessionRecord } from "./session-record.js";
import type { Store, StoreConnection } from "./store.js";

/** One connection of a client to the store: requests go out, replies and notices come in, each way in order. */
export class Connection implements StoreConnection {
  readonly #link: Link;
  readonly #store: Store;
  readonly #outbound: Lane<Request>;
  readonly #inbound: Lane<Delivery>;
  readonly #admit = () => {
    if (this.session !== undefined) this.#store.admit(this.session);
  };
  /** Requests of a client that does not run: they leave when it goes on. */
  #unsent: Request[] = [];
  /** The store's side has hung up; the client's side may not have noticed yet. */
  #hungUp: string | undefined;
  #lost: string | undefined;
  /** The store's side is gone and the client's side does not know. */
  #silent = false;
  /** On whose behalf requests are made; `undefined` while the session is being opened. */
  session: SessionRecord | undefined;
  /** Called once, when the client notices that the connection is gone. */
  onLost: ((cause: string) => void) | undefined;

  constructor(link: Link, store: Store) {
    this.#link = link;
    this.#store = store;
    const delayMs = () => link.delayMs;
    const isOpenOut = () => link.carries && !this.#silent && this.#hungUp === undefined;
    const isOpenIn = () => link.delivers && !this.#silent;
    this.#outbound = new Lane(store, { isOpen: isOpenOut, delayMs }, (request) => this.#serve(request));
    this.#inbound = new Lane(store, { isOpen: isOpenIn, delayMs }, (delivery) => delivery.deliver());
    link.connections.add(this);
    store.connections.add(this);
  }

  /** Why it is gone, as far as the client has noticed. */
  get lost(): string | undefined {
    return this.#lost;
  }

  request<T>(method: RequestMethod, ask: () => T): Promise<T> {
    if (this.#lost !== undefined) return Promise.reject(notSent(this.#lost));
    return new Promise<T>((resolve, reject) => {
      const exchange = new Exchange(method, ask, resolve, reject);
      if (this.#link.isPaused) this.#unsent.push(exchange);
      else this.#outbound.push(exchange);
    });
  }

  /** The store tells the client something. */
  notify(tell: () => void): void {
    if (this.#hungUp === undefined && !this.#silent) this.#inbound.push(new Notice(tell));
  }

  /** Counts a notification that has been delivered. */
  notified(): void {
    this.#store.requests.notified();
    this.#link.requests.notified();
  }

  /** The connection breaks. A client that does not run notices when it goes on. */
  breakOff(cause: string): void {
    this.#hangUp(cause);
    if (!this.#link.isPaused) this.#notice(cause);
  }

  /** Nothing passes any more, and nobody is told. */
  goSilent(): void {
    this.#silent = true;
    this.#store.connections.delete(this);
  }

  /** The client gives the connection up; nobody is told. */
  close(cause: string): void {
    this.onLost = undefined;
    this.#hangUp(cause);
    this.#notice(cause);
  }

  /** The link may carry again. */
  pump(): void {
    this.#outbound.pump();
    this.#inbound.pump();
  }

  /** The client runs again: what it asked meanwhile leaves now. */
  sendHeld(): void {
    const held = this.#unsent;
    this.#unsent = [];
    for (const request of held) this.#outbound.push(request);
  }

  /** The client, running again, finds out how things stand. */
  wake(): void {
    if (this.#hungUp !== undefined) this.#notice(this.#hungUp);
    else this.pump();
  }

  #serve(request: Request): void {
    this.#store.requests.received(request.method);
    this.#link.requests.received(request.method);
    request.perform(this.#admit);
    if (this.#link.takeDroppedReply(request.method)) {
      this.#hangUp("the reply was lost");
      this.#inbound.push(this.#lostReply(request));
    } else {
      this.#inbound.push(request);
    }
  }

  /** Takes the reply's place in the order, so that what was sent before it still arrives. */
  #lostReply(request: Request): Delivery {
    return {
      deliver: () => {
        this.#notice("the reply was lost");
        request.fail(replyLost("the reply was lost"));
      },
      fail: (error) => request.fail(error),
    };
  }

  #hangUp(cause: string): void {
    if (this.#hungUp !== undefined) return;
    this.#hungUp = cause;
    this.#store.connections.delete(this);
    if (this.session !== undefined) this.session.tellEnded = undefined;
  }

  #notice(cause: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = cause;
    this.#link.connections.delete(this);
    for (const delivery of this.#inbound.drain()) delivery.fail(replyLost(cause));
    for (const request of this.#outbound.drain()) request.fail(replyLost(cause));
    for (const request of this.#unsent) request.fail(notSent(cause));
    this.#unsent = [];
    this.onLost?.(cause);
  }
}
