/** What a session is taken up with on another connection. */
export interface SessionKey {
  readonly id: bigint;
  readonly password: Uint8Array;
}

/** A session, as the server granted it. */
export class Session implements SessionKey {
  /** Unsigned, as in `ephemeralOwner` of its nodes. */
  readonly id: bigint;
  readonly timeoutMs: number;
  /** Whoever has it can take over the session; so it is not shown by `util.inspect` or `JSON.stringify`. */
  readonly #password: Buffer;

  constructor(id: bigint, timeoutMs: number, password: Buffer) {
    this.id = id;
    this.timeoutMs = timeoutMs;
    this.#password = password;
  }

  get password(): Buffer {
    return this.#password;
  }
}
