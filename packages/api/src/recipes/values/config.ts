import type { Node } from "../../backend/operations.js";
import { ConclaveError } from "../../errors.js";
import { aborted } from "../../internal/calls.js";
import { checkOptions, checkVersion } from "../../internal/check.js";
import { generated } from "../../internal/generated.js";
import type { Keeper } from "../../internal/keeper.js";
import { checkWaitOptions, type WaitOptions, waiting } from "../../internal/wait.js";
import type { NodeClient, ReadCallOptions } from "../../node-client.js";
import type { CallOptions, VersionOptions } from "../../node-writer.js";
import { Codec } from "./codec.js";
import { LiveConfig } from "./live-config.js";
import type { SchemaInput, SchemaOutput, StandardSchema } from "./standard-schema.js";
import { put, swap } from "./swap.js";

export interface ConfigOptions<S extends StandardSchema> {
  /** What a value must be: any validator that implements Standard Schema v1, also an asynchronous one. */
  readonly schema: S;
}

/** A value, and the version of the node that held it. */
export interface Versioned<T> {
  readonly value: T;
  /** For `set(value, { ifVersion })` (NODE-5). */
  readonly version: number;
}

/**
 * A typed value in one node, as JSON: validated before it is stored and whenever it is read. What is stored is what the schema takes
 * (its input), what is read is what the schema makes of it (its output), so that defaults and transformations of a later release
 * apply to what an earlier one stored.
 */
export class Config<S extends StandardSchema> {
  readonly #keeper: Keeper;
  readonly #nodes: NodeClient;
  readonly #path: string;
  readonly #codec: Codec<SchemaInput<S>, SchemaOutput<S>>;

  /** Configs come from `coordinator.config(path, { schema })`. */
  constructor(keeper: Keeper, nodes: NodeClient, path: string, options: ConfigOptions<S>) {
    checkOptions("config", options, ["schema"]);
    this.#keeper = keeper;
    this.#nodes = nodes;
    this.#path = path;
    this.#codec = new Codec(options?.schema as StandardSchema<SchemaInput<S>, SchemaOutput<S>>, path);
  }

  /**
   * The value; `undefined` when there is none.
   *
   * Guarantees and options as `coordinator.get`. Errors: `INVALID_DATA` (what is stored is not JSON, or the schema refuses it, CFG-4),
   * `SESSION_LOST`, `CLOSED`, `ABORTED`.
   */
  async get(options: ReadCallOptions = {}): Promise<Versioned<SchemaOutput<S>> | undefined> {
    checkOptions("get", options, ["linearizable", "signal"]);
    return this.#decode(await this.#nodes.get(this.#path, options));
  }

  /**
   * Stores a value and resolves with its version; makes the node, with its ancestors, when it is missing. With `ifVersion` only if
   * the node has that version.
   *
   * Guarantees: the schema accepts the value as it will be read, checked before any I/O (CFG-1).
   * Errors: `INVALID_ARGUMENT` (the schema's issues, and where in the value), `DATA_TOO_LARGE`, `BAD_VERSION`, `NO_NODE` (with
   * `ifVersion`), `CONNECTION_LOST` (outcome `"unknown"`), `SESSION_LOST`, `CLOSED`, `ABORTED`.
   */
  async set(value: SchemaInput<S>, options: VersionOptions = {}): Promise<number> {
    checkOptions("set", options, ["ifVersion", "signal"]);
    const { ifVersion, signal } = options;
    checkVersion(ifVersion, this.#path);
    const { data } = await this.#codec.encode(value);
    if (ifVersion === undefined) return put(this.#nodes, this.#path, data, signal);
    return (await this.#nodes.set(this.#path, data, { ifVersion, signal })).version;
  }

  /**
   * Replaces the value with what `change` makes of it (of `undefined` when there is none), and resolves with the new one. When
   * somebody else writes meanwhile, `change` is called again, with the value that is there then.
   *
   * Guarantees: no update is lost (CFG-2). Not guaranteed: that, when somebody deletes the node meanwhile (NODE-5).
   * Errors: as `set`; `INVALID_DATA` (what is there is not valid: `set` replaces it); what `change` throws.
   */
  async update(
    change: (current: SchemaOutput<S> | undefined) => SchemaInput<S> | Promise<SchemaInput<S>>,
    options: CallOptions = {},
  ): Promise<Versioned<SchemaOutput<S>>> {
    checkOptions("update", options, ["signal"]);
    if (typeof change !== "function") {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `update: the first argument is a function, not ${typeof change}`,
      );
    }
    let written: SchemaOutput<S> | undefined;
    const target = { keeper: this.#keeper, nodes: this.#nodes, path: this.#path };
    const version = await swap(
      target,
      async (node) => {
        const next = await change((await this.#decode(node))?.value);
        const encoded = await this.#codec.encode(next);
        written = encoded.value;
        return encoded.data;
      },
      options.signal,
    );
    return { value: written as SchemaOutput<S>, version: version as number };
  }

  /**
   * Yields the value now and after each change, `undefined` while there is none; goes on across sessions (CFG-3). As
   * `coordinator.watch`: values in between may be skipped. What is not valid is not yielded; `live()` tells of it.
   * Ends by `return` or `signal`; throws `CLOSED`.
   */
  watch(options: CallOptions = {}): AsyncIterable<Versioned<SchemaOutput<S>> | undefined> {
    checkOptions("watch", options, ["signal"]);
    return generated(options.signal, (signal) => this.#values(signal));
  }

  /**
   * Opens a handle that has the latest value, and resolves when what is stored is known. Belongs to the coordinator: it goes on in the
   * next session, and says when it is stale (CFG-3) and when what is stored is not valid (CFG-4).
   * Errors: `ABORTED`, `TIMEOUT`, `CLOSED`, `ACCESS_DENIED`.
   */
  async live(options: WaitOptions = {}): Promise<LiveConfig<SchemaOutput<S>>> {
    checkWaitOptions("live", options);
    const { signal: callers } = options;
    this.#keeper.check();
    if (callers?.aborted) throw aborted(callers);
    const live = new LiveConfig(this.#keeper, this.#path, (node) => this.#codec.decode(node));
    try {
      await waiting(this.#keeper.clock, "live", options, (signal) => live.firstRead(signal));
      return live;
    } catch (error) {
      live.close();
      throw error;
    }
  }

  async *#values(signal: AbortSignal): AsyncGenerator<Versioned<SchemaOutput<S>> | undefined, void, void> {
    let last: bigint | undefined | "none yet" = "none yet";
    for await (const node of this.#nodes.watch(this.#path, { signal })) {
      // The next session begins with the state that the former one may have ended with.
      if (node?.modRevision === last) continue;
      last = node?.modRevision;
      try {
        yield await this.#decode(node);
      } catch (error) {
        if (!ConclaveError.is(error, "INVALID_DATA")) throw error;
      }
    }
  }

  async #decode(node: Node | undefined): Promise<Versioned<SchemaOutput<S>> | undefined> {
    if (node === undefined) return undefined;
    return { value: await this.#codec.decode(node), version: node.version };
  }
}
