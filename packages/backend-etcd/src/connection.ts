import type { ConclaveError } from "@conclave/api/backend";
import { noop } from "cockatiel";
import { AuthClient, type ICallable, KVClient, LeaseClient, type Services, WatchClient } from "etcd3";
import { ConnectionPool, type Host } from "etcd3/lib/connection-pool.js";
import { connectionLost, fromCall, isAuthNotEnabled, isStaleToken } from "./errors.js";
import {
  callUnary,
  type GrpcCall,
  type GrpcClient,
  type GrpcMetadata,
  isGrpcError,
  READY,
  TRANSIENT_FAILURE,
} from "./grpc.js";
import type { EtcdConfig, EtcdHost } from "./options.js";

type Service = keyof typeof Services;

interface Pending {
  readonly reject: (error: ConclaveError) => void;
  call: GrpcCall | undefined;
}

let connections = 0;

/**
 * One TCP connection to one host. It is made once and breaks once: it never reconnects, and it never sends a request
 * a second time, unless the server refused the first one for its authentication token.
 *
 * All calls that are under way when it breaks reject with `CONNECTION_LOST`, `"unknown"`.
 */
export class Connection implements ICallable<Connection> {
  readonly host: EtcdHost;
  readonly kv = new KVClient(this);
  readonly lease = new LeaseClient(this);
  readonly watch = new WatchClient(this);
  readonly callOptionsFactory = undefined;
  /** Aborts, with the cause as its reason, when the connection breaks or is closed. */
  readonly broken: AbortSignal;

  readonly #config: EtcdConfig;
  readonly #services: Host;
  readonly #noMetadata: GrpcMetadata;
  readonly #breaking = new AbortController();
  readonly #clients = new Map<Service, GrpcClient>();
  readonly #pending = new Set<Pending>();
  readonly #streams = new Set<GrpcCall>();
  #ready = false;
  #token: Promise<string | undefined> = Promise.resolve(undefined);

  /** Connects and authenticates. Rejects with the cause when that fails, takes too long or is aborted. */
  static async dial(
    config: EtcdConfig,
    host: EtcdHost,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Connection> {
    signal.throwIfAborted();
    const pool = new ConnectionPool({
      hosts: [host.url],
      ...(config.credentials === undefined ? {} : { credentials: { ...config.credentials } }),
      faultHandling: { global: noop, host: () => noop },
      grpcOptions: {
        "grpc.enable_retries": 0,
        "grpc.max_receive_message_length": -1,
        "grpc.max_send_message_length": -1,
        "grpc.client_idle_timeout_ms": 2 ** 31 - 1,
        // A channel that is closed after a failure makes one more attempt, and what comes of it stays open with nobody to close it.
        // So that attempt has to come at once, before the host can be back.
        "grpc.initial_reconnect_backoff_ms": 1,
        "grpc.max_reconnect_backoff_ms": 1,
        // Channels share a TCP connection when their options are equal: those of one connection, and no others.
        "conclave.connection": ++connections,
      },
    });
    const { resource, metadata } = await pool.withConnection("KV", (call) => call);
    const connection = new Connection(config, host, resource, metadata);
    const giveUp = (): void => connection.break(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    const timer = setTimeout(
      () => connection.break(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    if (signal.aborted) giveUp();
    try {
      await connection.#becomeReady();
      await connection.authenticate();
      connection.broken.throwIfAborted();
      return connection;
    } catch (error) {
      connection.break(error);
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
    }
  }

  private constructor(config: EtcdConfig, host: EtcdHost, services: Host, metadata: GrpcMetadata) {
    this.host = host;
    this.broken = this.#breaking.signal;
    this.#config = config;
    this.#services = services;
    this.#noMetadata = metadata;
  }

  /** Ends the connection; what is under way rejects with `CONNECTION_LOST`. Only the first cause counts. */
  break(cause: unknown): void {
    if (this.broken.aborted) return;
    this.#breaking.abort(cause);
    // Not through the pool, which closes a connection that is still being made only a second later. But not in the
    // turn either in which gRPC begins to connect: it would go on, and leave the connection open for ever.
    const clients = [...this.#clients.values()];
    if (this.#ready) for (const client of clients) client.close();
    else
      setImmediate(() => {
        for (const client of clients) client.close();
      });
    this.#clients.clear();
    for (const pending of [...this.#pending]) {
      pending.reject(connectionLost("unknown", cause));
      pending.call?.cancel();
    }
    for (const stream of this.#streams) stream.cancel();
    this.#pending.clear();
    this.#streams.clear();
  }

  /** Gets a new token, if this server wants one. Calls that start meanwhile wait for it. */
  async authenticate(): Promise<void> {
    const auth = this.#config.auth;
    if (auth === undefined) return;
    const before = this.#token;
    const token = new AuthClient(this).authenticate({ name: auth.username, password: auth.password }).then(
      (response) => response.token,
      (error: unknown) => {
        if (isAuthNotEnabled(ofCause(error))) return undefined;
        // The next call tries again.
        if (this.#token === token) this.#token = before;
        throw error;
      },
    );
    this.#token = token;
    await token;
  }

  /** @override etcd3's clients make their unary calls through this. */
  async exec<T>(service: Service, method: string, request: unknown): Promise<T> {
    if (service === "Auth") return this.#send<T>(service, method, request, await this.#metadata(undefined));
    const token = this.#token;
    try {
      return await this.#send<T>(service, method, request, await this.#metadata(token));
    } catch (error) {
      if (this.#config.auth === undefined || !isStaleToken(ofCause(error))) throw error;
      // Of many calls that are refused together, one gets the new token.
      if (this.#token === token) await this.authenticate();
      return this.#send<T>(service, method, request, await this.#metadata(this.#token));
    }
  }

  /** @override etcd3's clients open their streams through this. */
  async withConnection<R>(
    service: Service,
    run: (call: { resource: Connection; client: GrpcClient; metadata: GrpcMetadata }) => Promise<R> | R,
  ): Promise<R> {
    const metadata = await this.#metadata(this.#token);
    // A stream on a member that has lost its cluster must end instead of going quiet.
    metadata.set("hasleader", "true");
    return run({ resource: this, client: this.#client(service), metadata });
  }

  /** @override etcd3's clients call this when a stream fails, also one that was cancelled: its owner decides. */
  markFailed(): void {}

  /** Has a stream cancelled when the connection breaks, so that it can't outlive it. */
  own(stream: GrpcCall): void {
    if (this.broken.aborted) stream.cancel();
    else this.#streams.add(stream);
  }

  disown(stream: GrpcCall): void {
    this.#streams.delete(stream);
  }

  #client(service: Service): GrpcClient {
    if (this.broken.aborted) throw connectionLost("not-applied", this.broken.reason);
    const client = this.#services.getServiceClient(service);
    this.#clients.set(service, client);
    return client;
  }

  async #metadata(obtaining: Promise<string | undefined> | undefined): Promise<GrpcMetadata> {
    const token = await obtaining;
    const metadata = this.#noMetadata.clone();
    if (token !== undefined) metadata.set("token", token);
    return metadata;
  }

  #send<T>(service: Service, method: string, request: unknown, metadata: GrpcMetadata): Promise<T> {
    const client = this.#client(service);
    return new Promise<T>((resolve, reject) => {
      const pending: Pending = { reject, call: undefined };
      this.#pending.add(pending);
      pending.call = callUnary(client, method, request, metadata, (error, response) => {
        this.#pending.delete(pending);
        if (error === null) {
          resolve(response as T);
          return;
        }
        const failure = fromCall(error);
        reject(failure);
        // Contact is lost, or the member has lost its cluster; either way another connection may do better.
        if (failure.code === "CONNECTION_LOST") this.break(error);
      });
    });
  }

  async #becomeReady(): Promise<void> {
    const channel = this.#client("KV").getChannel();
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state === READY) break;
      if (this.broken.aborted) throw this.broken.reason;
      if (state === TRANSIENT_FAILURE) throw await this.#whyNotReady();
      await new Promise<void>((resolve, reject) => {
        channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => {
          if (this.broken.aborted) reject(this.broken.reason);
          else resolve();
        });
      });
    }
    this.#ready = true;
    channel.watchConnectivityState(READY, Number.POSITIVE_INFINITY, () => {
      this.break(new Error(`the connection to ${this.host.name} broke`));
    });
  }

  /** The channel's state doesn't say what failed, but a call on it does, at once and without being sent. */
  async #whyNotReady(): Promise<unknown> {
    try {
      await this.kv.range({ key: Buffer.from("/"), keys_only: true, limit: 1 });
      return new Error("the connection failed");
    } catch (error) {
      return ofCause(error);
    }
  }
}

function ofCause(error: unknown): unknown {
  return error instanceof Error && isGrpcError(error.cause) ? error.cause : error;
}
