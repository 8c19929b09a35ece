import type { Link } from "./proxy-link.js";

/** Which reply to drop. A chunk is what arrived at once: a message may span several, and several may share one. */
export interface ReplyMatch {
  /** Only on a connection that, since the call, has sent a chunk for which this holds. Default: any chunk. */
  readonly request?: (chunk: Buffer) => boolean;
  /** Only a chunk from the server for which this holds. Default: any chunk. */
  readonly reply?: (chunk: Buffer) => boolean;
}

interface Expectation {
  readonly match: ReplyMatch;
  /** Connections that have sent the request. */
  readonly asked: WeakSet<Link>;
  readonly resolve: (chunk: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** The replies that are to be dropped, in the order in which that was asked for. */
export class Replies {
  #pending: Expectation[] = [];
  #closed = false;

  expect(match: ReplyMatch): Promise<Buffer> {
    const promise = new Promise<Buffer>((resolve, reject) => {
      if (this.#closed) reject(new Error("the proxy is closed"));
      else this.#pending.push({ match, asked: new WeakSet(), resolve, reject });
    });
    // A test that has failed for another reason closes the proxy and no longer waits for this.
    promise.catch(() => {});
    return promise;
  }

  request(link: Link, chunk: Buffer): void {
    for (const { match, asked } of this.#pending) {
      if (match.request?.(chunk) ?? true) asked.add(link);
    }
  }

  drops(link: Link, chunk: Buffer): boolean {
    const index = this.#pending.findIndex(
      ({ match, asked }) => asked.has(link) && (match.reply?.(chunk) ?? true),
    );
    const [found] = index < 0 ? [] : this.#pending.splice(index, 1);
    found?.resolve(chunk);
    return found !== undefined;
  }

  close(): void {
    this.#closed = true;
    for (const { reject } of this.#pending) reject(new Error("the proxy was closed"));
    this.#pending = [];
  }
}
