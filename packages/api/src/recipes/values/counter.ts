import type { Node } from "../../backend/operations.js";
import { ConclaveError } from "../../errors.js";
import { checkOptions } from "../../internal/check.js";
import { generated } from "../../internal/generated.js";
import type { Keeper } from "../../internal/keeper.js";
import type { NodeClient, ReadCallOptions } from "../../node-client.js";
import type { CallOptions } from "../../node-writer.js";
import { put, swap } from "./swap.js";

/** More than any counter needs; a bound, so that reading what somebody else put there costs no time. */
const maxDigits = 1_000;
const decimal = /^-?\d+$/;
/** How much of what is there a message shows. */
const shownCharacters = 40;

/**
 * A number that many processes count with: a `bigint`, as decimal text in one node. A counter that is missing is 0 and is made,
 * with its ancestors, by the first write. Changed by compare-and-swap: for a number that is unique and no more, a sequential node
 * costs one round trip (NODE-7), and a fencing token comes with a lock (LEAD-2).
 */
export class Counter {
  readonly #keeper: Keeper;
  readonly #nodes: NodeClient;
  readonly #path: string;

  /** Counters come from `coordinator.counter(path)`. */
  constructor(keeper: Keeper, nodes: NodeClient, path: string) {
    this.#keeper = keeper;
    this.#nodes = nodes;
    this.#path = path;
  }

  /**
   * The value; 0 when the counter is missing (CNT-2).
   *
   * Guarantees and options as `coordinator.get`. Errors: `INVALID_DATA` (no number is stored there, CNT-5), `SESSION_LOST`, `CLOSED`,
   * `ABORTED`.
   */
  async get(options: ReadCallOptions = {}): Promise<bigint> {
    checkOptions("get", options, ["linearizable", "signal"]);
    return this.#decode(await this.#nodes.get(this.#path, options));
  }

  /** Adds 1 and resolves with the new value. As `add`. */
  async increment(options: CallOptions = {}): Promise<bigint> {
    return this.#add("increment", 1n, options);
  }

  /**
   * Adds `delta`, which may be negative, and resolves with the new value.
   *
   * Guarantees: no addition is lost and none is made twice, however many add at once (CNT-1). Not guaranteed: its outcome when the
   * reply of its write is lost: `CONNECTION_LOST`, `"unknown"`; it is not repeated (CNT-4). Nor any of this when somebody deletes the
   * node meanwhile (NODE-5).
   * Errors: `INVALID_ARGUMENT`, `INVALID_DATA`, `CONNECTION_LOST`, `SESSION_LOST`, `CLOSED`, `ABORTED`.
   */
  async add(delta: bigint, options: CallOptions = {}): Promise<bigint> {
    return this.#add("add", delta, options);
  }

  /**
   * Sets `value` if the counter has the value `expected`; resolves with whether it did (CNT-3). Errors: as `add`.
   */
  async compareAndSet(expected: bigint, value: bigint, options: CallOptions = {}): Promise<boolean> {
    checkValue("compareAndSet: expected", expected);
    checkValue("compareAndSet: value", value);
    checkOptions("compareAndSet", options, ["signal"]);
    const version = await this.#swap(
      (node) => (this.#decode(node) === expected ? String(value) : undefined),
      options.signal,
    );
    return version !== undefined;
  }

  /** Sets the value, whatever was there. Errors: `INVALID_ARGUMENT`, `CONNECTION_LOST` (CNT-4), `SESSION_LOST`, `CLOSED`, `ABORTED`. */
  async set(value: bigint, options: CallOptions = {}): Promise<void> {
    checkValue("set: value", value);
    checkOptions("set", options, ["signal"]);
    await put(this.#nodes, this.#path, String(value), options.signal);
  }

  /**
   * Yields the value now and after each change, 0 while the counter is missing; goes on across sessions (CNT-6). As
   * `coordinator.watch`: values in between may be skipped. Ends by `return` or `signal`; throws `INVALID_DATA`, `CLOSED`.
   */
  watch(options: CallOptions = {}): AsyncIterable<bigint> {
    checkOptions("watch", options, ["signal"]);
    return generated(options.signal, (signal) => this.#values(signal));
  }

  async *#values(signal: AbortSignal): AsyncGenerator<bigint, void, void> {
    let last: bigint | undefined;
    for await (const node of this.#nodes.watch(this.#path, { signal })) {
      const value = this.#decode(node);
      if (value === last) continue;
      last = value;
      yield value;
    }
  }

  async #add(where: string, delta: bigint, options: CallOptions): Promise<bigint> {
    checkValue(`${where}: delta`, delta);
    checkOptions(where, options, ["signal"]);
    let sum = 0n;
    await this.#swap((node) => {
      sum = this.#decode(node) + delta;
      checkValue(`${where}: the sum`, sum);
      return String(sum);
    }, options.signal);
    return sum;
  }

  #swap(change: (node: Node | undefined) => string | undefined, signal: AbortSignal | undefined) {
    return swap({ keeper: this.#keeper, nodes: this.#nodes, path: this.#path }, change, signal);
  }

  #decode(node: Node | undefined): bigint {
    if (node === undefined) return 0n;
    const stored = new TextDecoder().decode(node.data.subarray(0, maxDigits + 2));
    if (isCountable(stored)) return BigInt(stored);
    const shown = JSON.stringify(stored.slice(0, shownCharacters));
    throw new ConclaveError(
      "INVALID_DATA",
      `${JSON.stringify(node.path)} holds no counter: a whole number of at most ${maxDigits} digits is stored as decimal text, not ${
        node.data.length > shownCharacters ? `${shown}... (${node.data.length} bytes)` : shown
      }`,
      { path: node.path },
    );
  }
}

function isCountable(text: string): boolean {
  return decimal.test(text) && text.replace("-", "").length <= maxDigits;
}

function checkValue(what: string, value: bigint): void {
  if (typeof value !== "bigint") {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `${what} must be a bigint, such as 1n, not a ${typeof value}`,
    );
  }
  if (!isCountable(String(value))) {
    throw new ConclaveError("INVALID_ARGUMENT", `${what} has more than ${maxDigits} digits`);
  }
}
