/** Where a server comes from, in the order of choice. */
export type Origin = "env" | "docker" | "binary";

/** Process control of a server, to test what clients make of its faults. */
export interface Control {
  /** Freezes the server: connections stay open, nothing is answered. */
  pause(): Promise<void>;
  /** Ends `pause`. */
  resume(): Promise<void>;
  /** Kills the server at once, without a chance to clean up. `restart` brings it back. */
  kill(): Promise<void>;
  /** Stops the server, if it runs, and starts it again with the same data on the same port. Resolves when it is ready. */
  restart(options?: RestartOptions): Promise<void>;
}

export interface RestartOptions {
  /** How it is stopped. Default `SIGKILL`. */
  readonly signal?: "SIGKILL" | "SIGTERM";
}

/** A real server, answering requests. */
export interface TestServer<Kind extends string = string> {
  readonly kind: Kind;
  /** As the server itself says. */
  readonly version: string;
  readonly host: string;
  readonly port: number;
  /** All on which it listens, as far as they are known; the first is `port`. */
  readonly ports: readonly number[];
  /** In the form in which clients of this kind take it. */
  readonly url: string;
  readonly origin: Origin;
  /** Undefined where the server is not ours to stop: it was given by the environment. */
  readonly control: Control | undefined;
  /** Stops the server and removes its data. Idempotent. A server given by the environment is left alone. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** The test needs `control`: a server given by the environment is passed over. Default false. */
  readonly controllable?: boolean;
  /** How long the server may take until it answers. Default 30,000. */
  readonly startTimeoutMs?: number;
}

/** What has to be known about one kind of server. One file each, of the same shape. */
export interface ServerKind<Kind extends string, Options> {
  readonly kind: Kind;
  /** The environment variable that names a server to use instead of starting one. */
  readonly variable: string;
  readonly defaultPort: number;
  /** Debian packages that bring the binary. */
  readonly debianPackages: readonly string[];
  /** What to say to somebody without Debian. */
  readonly hint: string;
  /** How many loopback ports it listens on. The first is for clients. */
  readonly ports: number;
  url(host: string, port: number): string;
  /** Makes one real request. Resolves to the server's version; rejects if it isn't ready. */
  probe(url: string, timeoutMs: number): Promise<string>;
  /** Finds what is needed to start it here. */
  findBinary(): BinaryOf<Options> | undefined;
  /** How to run it in a container. */
  container(options: Options): ContainerPlan;
}

export interface BinaryOf<Options> {
  readonly path: string;
  /** Writes configuration to the folder, as needed, and returns the command. */
  command(folder: string, ports: readonly number[], options: Options): Command;
  /** Whether the server that answers at this URL is the one that runs in this folder. */
  answersFrom(url: string, folder: string): Promise<boolean>;
}

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** Beside this process's own variables. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface ContainerPlan {
  readonly image: string;
  readonly port: number;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}
