import { join } from "node:path";
import { type TemporaryFolder, temporaryFolder } from "./folders.js";
import { freePort } from "./ports.js";
import { type ManagedProcess, spawnLogged, tailOf } from "./process.js";
import { waitUntilReady } from "./ready.js";
import type { BinaryOf, RestartOptions, ServerKind, StartOptions, TestServer } from "./server.js";

const HOST = "127.0.0.1";
const PORT_ATTEMPTS = 5;
const IN_USE = /address (is )?already in use|EADDRINUSE|BindException/i;

/** Starts a server as a child process, in a temporary folder, on free loopback ports. */
export async function startBinary<Kind extends string, Options extends StartOptions>(
  kind: ServerKind<Kind, Options>,
  binary: BinaryOf<Options>,
  options: Options,
  nextPort: () => Promise<number> = freePort,
): Promise<TestServer<Kind>> {
  for (let attempt = 1; ; attempt++) {
    const ports: number[] = [];
    for (let i = 0; i < kind.ports; i++) ports.push(await nextPort());
    const server = new LocalServer(kind, binary, options, ports);
    try {
      const version = await server.start();
      return server.describe(version);
    } catch (error) {
      const clash = server.lostItsPort();
      await server.stop();
      if (!clash || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** One server's folder and ports, and the process that runs on them at the moment. */
class LocalServer<Kind extends string, Options extends StartOptions> {
  readonly #kind: ServerKind<Kind, Options>;
  readonly #binary: BinaryOf<Options>;
  readonly #options: Options;
  readonly #ports: readonly number[];
  readonly #folder: TemporaryFolder;
  readonly #logFile: string;
  readonly #port: number;
  readonly #url: string;
  #process: ManagedProcess | undefined;
  #lastChange: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(
    kind: ServerKind<Kind, Options>,
    binary: BinaryOf<Options>,
    options: Options,
    ports: readonly number[],
  ) {
    this.#kind = kind;
    this.#binary = binary;
    this.#options = options;
    this.#ports = ports;
    this.#folder = temporaryFolder(kind.kind);
    this.#logFile = join(this.#folder.path, "log");
    this.#port = ports[0] ?? 0;
    this.#url = kind.url(HOST, this.#port);
  }

  /** Resolves to the version once it has answered. */
  async start(): Promise<string> {
    const command = this.#binary.command(this.#folder.path, this.#ports, this.#options);
    const process = await spawnLogged({ ...command, cwd: this.#folder.path, logFile: this.#logFile });
    this.#process = process;
    try {
      return await waitUntilReady(this.#kind, this.#url, this.#options.startTimeoutMs ?? 30_000, {
        process,
        answers: () => this.#binary.answersFrom(this.#url, this.#folder.path),
      });
    } catch (error) {
      await this.#kill();
      const reason = error instanceof Error ? error.message : String(error);
      const log = tailOf(this.#logFile);
      throw new Error(
        `${this.#kind.kind} did not start on ${this.#url}: ${reason}\n--- end of its log\n${log}`,
      );
    }
  }

  lostItsPort(): boolean {
    return IN_USE.test(tailOf(this.#logFile, 200));
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#inTurn(async () => {
      await this.#kill();
      this.#folder.remove();
    });
    return this.#stopped;
  }

  describe(version: string): TestServer<Kind> {
    return {
      kind: this.#kind.kind,
      version,
      host: HOST,
      port: this.#port,
      ports: this.#ports,
      url: this.#url,
      origin: "binary",
      control: {
        pause: async () => this.#process?.pause(),
        resume: async () => this.#process?.signal("SIGCONT"),
        kill: () => this.#inTurn(() => this.#kill()),
        restart: (options) => this.#inTurn(() => this.#restart(options)),
      },
      stop: () => this.stop(),
    };
  }

  async #restart({ signal = "SIGKILL" }: RestartOptions = {}): Promise<void> {
    if (this.#stopped !== undefined) {
      throw new Error(`${this.#kind.kind} on ${this.#url} has been stopped for good`);
    }
    this.#process?.signal(signal);
    // A paused process gets SIGTERM only once it goes on.
    this.#process?.signal("SIGCONT");
    await this.#process?.exit;
    await this.start();
  }

  async #kill(): Promise<void> {
    this.#process?.signal("SIGKILL");
    await this.#process?.exit;
  }

  /* So that no restart brings a process back after stop. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const result = this.#lastChange.then(change);
    this.#lastChange = result.catch(() => {});
    return result;
  }
}
