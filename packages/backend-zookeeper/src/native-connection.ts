import type {
  Auth,
  Connection,
  Created,
  CreateRequest,
  GrantedSession,
  NodeData,
  Stat,
  WatchKind,
  WatchOption,
} from "./driver.js";
import { Code, ZooKeeperError } from "./errors.js";
import type { NativeHandle, NativeOptions, NativeStat, WatchFunction } from "./native-module.js";
import type { Relay } from "./relay.js";

const CONNECTED = 3;
const EPHEMERAL = 1;
const SEQUENCE = 2;
const SESSION_EVENT = -1;

export interface NativeObserver {
  fired(kind: WatchKind, path: string): void;
  connected(): void;
}

/** One native instance for the time of one connection. It is never called again after that. */
export class NativeConnection implements Connection {
  /** The package has neither. */
  readonly multi = undefined;
  readonly acknowledgedMs = undefined;
  readonly #native: NativeHandle;
  readonly #relay: Relay;
  readonly #observer: NativeObserver;
  #session: GrantedSession | undefined;
  #ended = false;
  #started = false;
  #released = false;
  readonly #inFlight = new Set<(error: ZooKeeperError) => void>();
  /** Paths with a native watch that stands. There is no call to remove one, so it is used for whoever comes next. */
  readonly #standing = { data: new Set<string>(), children: new Set<string>() };
  readonly #watch: { readonly data: WatchFunction; readonly children: WatchFunction };

  constructor(native: NativeHandle, relay: Relay, observer: NativeObserver) {
    this.#native = native;
    this.#relay = relay;
    this.#observer = observer;
    // The package never frees a watch function, so there are two of them, whatever the number of watches.
    this.#watch = { data: this.#watchFunction("data"), children: this.#watchFunction("children") };
    native.emit = (event) => this.#event(event);
  }

  start(options: NativeOptions): void {
    this.#started = true;
    const result = this.#native.init(options);
    if (result instanceof Error) this.drop(result);
  }

  established(session: GrantedSession): void {
    this.#session = session;
  }

  async authenticate(auth: readonly Auth[]): Promise<void> {
    await Promise.all(
      auth.map((entry) =>
        this.#call<void>((done) =>
          this.#native.add_auth(entry.scheme, entry.auth, (rc) => done(rc, undefined)),
        ),
      ),
    );
  }

  get session(): GrantedSession {
    if (this.#session === undefined) throw new Error("not connected yet");
    return this.#session;
  }

  get lastZxid(): bigint {
    return this.#relay.lastZxid;
  }

  exists(path: string, { watch }: WatchOption): Promise<Stat | undefined> {
    return this.#read((done) => {
      const set = watch && !this.#standing.data.has(path);
      const reply = (rc: number, _text: string, stat: NativeStat | null): void => {
        if (set && (rc === 0 || rc === Code.NONODE)) this.#standing.data.add(path);
        done(rc, stat === null ? undefined : toStat(stat));
      };
      return set
        ? this.#native.aw_exists(path, this.#watch.data, reply)
        : this.#native.a_exists(path, false, reply);
    });
  }

  get(path: string, { watch }: WatchOption): Promise<NodeData | undefined> {
    return this.#read((done) => {
      const set = watch && !this.#standing.data.has(path);
      const reply = (rc: number, _text: string, stat: NativeStat | null, data: Buffer | null): void => {
        if (set && rc === 0) this.#standing.data.add(path);
        done(rc, stat === null ? undefined : { data: data ?? new Uint8Array(0), stat: toStat(stat) });
      };
      return set
        ? this.#native.aw_get(path, this.#watch.data, reply)
        : this.#native.a_get(path, false, reply);
    });
  }

  children(path: string, { watch }: WatchOption): Promise<readonly string[] | undefined> {
    return this.#read((done) => {
      const set = watch && !this.#standing.children.has(path);
      const reply = (rc: number, _text: string, names: readonly string[] | null): void => {
        if (set && rc === 0) this.#standing.children.add(path);
        done(rc, names ?? []);
      };
      return set
        ? this.#native.aw_get_children(path, this.#watch.children, reply)
        : this.#native.a_get_children(path, false, reply);
    });
  }

  create(request: CreateRequest): Promise<Created> {
    const flags = (request.ephemeral ? EPHEMERAL : 0) | (request.sequential ? SEQUENCE : 0);
    return this.#call((done) =>
      this.#native.a_create(request.path, toBuffer(request.data), flags, (rc, _text, path) =>
        done(rc, { path, stat: undefined }),
      ),
    );
  }

  set(path: string, data: Uint8Array, version: number): Promise<Stat> {
    return this.#call((done) =>
      this.#native.a_set(path, toBuffer(data), version, (rc, _text, stat) =>
        done(rc, stat === null ? undefined : toStat(stat)),
      ),
    );
  }

  delete(path: string, version: number): Promise<void> {
    return this.#call<void>((done) => this.#native.a_delete_(path, version, (rc) => done(rc, undefined)));
  }

  sync(path: string): Promise<void> {
    return this.#call<void>((done) => this.#native.a_sync(path, (rc) => done(rc, undefined)));
  }

  closeSession(timeoutMs: number): Promise<void> {
    this.#ended = true;
    return this.#relay.closeSession(timeoutMs).catch((cause: unknown) => {
      throw new ZooKeeperError(Code.CONNECTIONLOSS, { sent: true, cause });
    });
  }

  drop(cause: unknown): void {
    this.#relay.end(cause instanceof Error ? cause : new Error(String(cause)));
  }

  /** The relay has ended: sockets are gone, the native client has yet to see it. */
  ended(): void {
    this.#ended = true;
    afterNativeCallbacks(() => this.#failInFlight());
    if (!this.#started) return;
    // While it believes to be connected, closing it would block; unless its peer has hung up, as it has within a reply.
    const dismissable = this.#native.state === CONNECTED && this.#relay.clientAtBoundary;
    if (dismissable && this.#native.a_exists("/", false, () => {}) === 0) this.#relay.dismiss();
    else this.#release();
  }

  #event(event: string): void {
    if (event === "connect") {
      this.#observer.connected();
      return;
    }
    if (event !== "connecting" && event !== "close") return;
    this.#ended = true;
    afterNativeCallbacks(() => {
      this.#relay.end(new Error(event === "close" ? "the native client gave up" : "the connection broke"));
      this.#release();
    });
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    afterNativeCallbacks(() => {
      this.#native.emit = () => {};
      this.#native.close();
      this.#relay.dispose();
    });
  }

  #watchFunction(kind: WatchKind): WatchFunction {
    return (type, _state, path) => {
      if (type === SESSION_EVENT || this.#ended) return;
      this.#standing[kind].delete(path);
      this.#observer.fired(kind, path);
    };
  }

  async #read<T>(
    start: (done: (rc: number, value: T | undefined) => void) => number,
  ): Promise<T | undefined> {
    try {
      return await this.#call<T>(start);
    } catch (error) {
      if (ZooKeeperError.is(error, Code.NONODE)) return undefined;
      throw error;
    }
  }

  #call<T>(start: (done: (rc: number, value: T | undefined) => void) => number): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new ZooKeeperError(Code.CONNECTIONLOSS, { sent: false }));
      const fail = (error: ZooKeeperError): void => {
        this.#inFlight.delete(fail);
        reject(error);
      };
      this.#inFlight.add(fail);
      const rc = start((code, value) => {
        if (code === 0) {
          this.#inFlight.delete(fail);
          return resolve(value as T);
        }
        const error = new ZooKeeperError(code, { sent: true });
        if (!endsConnection(code)) return fail(error);
        this.#ended = true;
        afterNativeCallbacks(() => fail(error));
      });
      if (rc !== 0) fail(new ZooKeeperError(rc, { sent: false }));
    });
  }

  /** Without waiting for the native client: what it may still read belongs to the past once there is a successor. */
  #failInFlight(): void {
    for (const fail of [...this.#inFlight]) fail(new ZooKeeperError(Code.CONNECTIONLOSS, { sent: true }));
  }
}

/*
 * The package closes its socket, then calls back, and only then takes the socket's number out of the event loop. Any
 * socket opened in between, here or by the application, gets the same number and is taken out instead: it goes deaf.
 * So nothing of ours, and nothing that waits for us, may run until the native client has finished.
 */
function afterNativeCallbacks(run: () => void): void {
  setImmediate(run);
}

/** After these, a further call would only be queued inside the native client. */
function endsConnection(code: number): boolean {
  return (
    code === Code.RUNTIMEINCONSISTENCY ||
    code === Code.CONNECTIONLOSS ||
    code === Code.OPERATIONTIMEOUT ||
    code === Code.CLOSING ||
    code === Code.SESSIONEXPIRED
  );
}

function toStat(stat: NativeStat): Stat {
  return {
    version: stat.version,
    czxid: BigInt(stat.czxid),
    mzxid: BigInt(stat.mzxid),
    pzxid: BigInt(stat.pzxid),
    ephemeralOwner: stat.ephemeralOwner === "0" ? undefined : stat.ephemeralOwner,
  };
}

function toBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
