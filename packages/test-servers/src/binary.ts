import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./ports.js";
import { type ManagedProcess, spawnLogged, tailOf, temporaryFolder } from "./process.js";
import { waitUntilReady } from "./ready.js";
import type { BinaryOf, Control, ServerKind, StartOptions, TestServer } from "./server.js";

const HOST = "127.0.0.1";
const PORT_ATTEMPTS = 5;
const IN_USE = /address (is )?already in use|EADDRINUSE|BindException/i;

/** Starts a server as a child process, in a temporary folder, on free loopback ports. */
export async function startBinary<Kind extends string, Options extends StartOptions>(
  kind: ServerKind<Kind, Options>,
  binary: BinaryOf<Options>,
  options: Options,
): Promise<TestServer<Kind>> {
  const timeoutMs = options.startTimeoutMs ?? 30_000;
  for (let attempt = 1; ; attempt++) {
    const ports: number[] = [];
    for (let i = 0; i < kind.ports; i++) ports.push(await freePort());
    const path = mkdtempSync(join(tmpdir(), `conclave-${kind.kind}-`));
    const folder = temporaryFolder(path);
    const port = ports[0] ?? 0;
    const url = kind.url(HOST, port);
    const logFile = join(path, "log");

    let child: ManagedProcess;
    const launch = async (): Promise<string> => {
      child = await spawnLogged({ ...binary.command(path, ports, options), cwd: path, logFile });
      try {
        return await waitUntilReady(kind, url, timeoutMs, () => child.ended);
      } catch (error) {
        await kill(child);
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(
          `${kind.kind} did not start on ${url}: ${reason}\n--- end of its log\n${tailOf(logFile)}`,
        );
      }
    };

    try {
      const version = await launch();
      let stopped: Promise<void> | undefined;
      const stop = async (): Promise<void> => {
        await kill(child);
        folder.remove();
      };
      const control: Control = {
        pause: async () => child.signal("SIGSTOP"),
        resume: async () => child.signal("SIGCONT"),
        kill: () => kill(child),
        restart: async ({ signal = "SIGKILL" } = {}) => {
          if (stopped !== undefined) throw new Error(`${kind.kind} on ${url} has been stopped for good`);
          child.signal(signal);
          // A paused process gets SIGTERM only once it goes on.
          child.signal("SIGCONT");
          await child.exit;
          await launch();
        },
      };
      return {
        kind: kind.kind,
        version,
        host: HOST,
        port,
        url,
        origin: "binary",
        control,
        stop: () => {
          stopped ??= stop();
          return stopped;
        },
      };
    } catch (error) {
      const clash = IN_USE.test(tailOf(logFile, 200));
      folder.remove();
      if (!clash || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function kill(child: ManagedProcess): Promise<void> {
  child.signal("SIGKILL");
  await child.exit;
}
