import type { Redis } from "ioredis";

/** Requests in one piece. */
const GATHERED_AT_ONCE = 16;

/**
 * Gathers what is sent in one turn: a system call for each request costs more than the request. But not all of it, so that the
 * server begins while there is more to come. To ioredis it is what its own pipelines write to.
 */
export class Outgoing {
  readonly isPipeline = true;
  readonly destination: { readonly redis: Redis };
  #text = "";
  #gathered = 0;

  constructor(redis: Redis) {
    this.destination = { redis };
  }

  /** Takes a request; a string has one character for each byte. */
  write(request: string | Buffer): void {
    if (this.#gathered === 0) process.nextTick(() => this.#turnEnds());
    else if (this.#gathered % GATHERED_AT_ONCE === 0) this.#flush();
    this.#gathered++;
    if (typeof request === "string") {
      this.#text += request;
      return;
    }
    this.#flush();
    this.destination.redis.stream.write(request);
  }

  #turnEnds(): void {
    this.#gathered = 0;
    this.#flush();
  }

  #flush(): void {
    if (this.#text === "") return;
    this.destination.redis.stream.write(this.#text, "latin1");
    this.#text = "";
  }
}
