import type { RequestMethod } from "./requests.js";

/** Something that a connection carries to the client. */
export interface Delivery {
  deliver(): void;
  /** The connection broke before it arrived. */
  fail(error: Error): void;
}

/** A request on its way to the store. */
export interface Request extends Delivery {
  readonly method: RequestMethod;
  /** Does what was asked, at the store, and keeps what came of it until `deliver`. */
  perform(admit: () => void): void;
}

/** A request and its reply. */
export class Exchange<T> implements Request {
  readonly method: RequestMethod;
  readonly #ask: () => T;
  readonly #resolve: (value: T) => void;
  readonly #reject: (error: unknown) => void;
  #reply: (() => void) | undefined;
  #value: T | undefined;

  constructor(
    method: RequestMethod,
    ask: () => T,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) {
    this.method = method;
    this.#ask = ask;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  perform(admit: () => void): void {
    try {
      admit();
      this.#value = this.#ask();
    } catch (error) {
      this.#reply = () => this.#reject(error);
    }
  }

  deliver(): void {
    if (this.#reply === undefined) this.#resolve(this.#value as T);
    else this.#reply();
  }

  fail(error: Error): void {
    this.#reject(error);
  }
}

/** Something that the store tells without being asked. */
export class Notice implements Delivery {
  readonly #tell: () => void;

  constructor(tell: () => void) {
    this.#tell = tell;
  }

  deliver(): void {
    try {
      this.#tell();
    } catch (error) {
      // A consumer that throws must not stop what the connection carries to others (WATCH-7), nor go unseen.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  fail(): void {}
}
