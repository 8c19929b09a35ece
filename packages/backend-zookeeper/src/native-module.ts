import { ConclaveError } from "@conclave/api/backend";

/** The statistics of a node as the `zookeeper` package gives them. */
export interface NativeStat {
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly version: number;
  /** Session id in hex, `"0"` for none. */
  readonly ephemeralOwner: string;
}

export type WatchFunction = (type: number, state: number, path: string) => void;

/**
 * The object inside the package's class. It is used directly because the class formats every call's arguments for a
 * log, logging or not. Each `a_` call returns a code; unless it is 0, the callback is never called.
 */
export interface NativeHandle {
  emit: (event: string, handle: unknown, detail: unknown) => void;
  readonly state: number;
  readonly client_id: string;
  readonly client_password: string;
  readonly timeout: number;
  init(options: NativeOptions): unknown;
  close(): void;
  a_create(
    path: string,
    data: Buffer,
    flags: number,
    done: (rc: number, text: string, path: string) => void,
  ): number;
  a_exists(path: string, watch: false, done: StatCallback): number;
  aw_exists(path: string, watch: WatchFunction, done: StatCallback): number;
  a_get(path: string, watch: false, done: DataCallback): number;
  aw_get(path: string, watch: WatchFunction, done: DataCallback): number;
  a_get_children(path: string, watch: false, done: NamesCallback): number;
  aw_get_children(path: string, watch: WatchFunction, done: NamesCallback): number;
  a_set(path: string, data: Buffer, version: number, done: StatCallback): number;
  a_delete_(path: string, version: number, done: (rc: number) => void): number;
  a_sync(path: string, done: (rc: number) => void): number;
  add_auth(scheme: string, auth: string, done: (rc: number) => void): number;
}

type StatCallback = (rc: number, text: string, stat: NativeStat | null) => void;
type DataCallback = (rc: number, text: string, stat: NativeStat | null, data: Buffer | null) => void;
type NamesCallback = (rc: number, text: string, names: readonly string[] | null) => void;

export interface NativeOptions {
  readonly connect: string;
  readonly timeout: number;
  readonly debug_level: number;
  readonly host_order_deterministic: boolean;
  readonly response_counter_limit: number;
  readonly client_id?: string;
  readonly client_password?: string;
}

/** The part of the package that is used. Its own types are not: where it is not installed, this is compiled all the same. */
interface NativePackage {
  readonly default: new (config: object) => { readonly native: NativeHandle };
}

const packageName: string = "zookeeper";

/** Loads the package when it is first needed, so that a program without it can still import this one. */
export async function loadNative(): Promise<() => NativeHandle> {
  try {
    const { default: ZooKeeper } = (await import(packageName)) as NativePackage;
    return () => new ZooKeeper({}).native;
  } catch (cause) {
    throw new ConclaveError(
      "UNSUPPORTED",
      "The npm package `zookeeper` is missing or was not compiled. The native driver needs it: install a C toolchain " +
        "(Debian: apt-get install build-essential cmake python3), then `npm install zookeeper` or `npm rebuild zookeeper`. " +
        'The driver "typescript" does not need it.',
      { cause },
    );
  }
}
