import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, openSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { removeFolders } from "./folders.js";
import { stopped } from "./stopped.js";

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process that dies with this one. */
export interface ManagedProcess {
  readonly pid: number;
  /** Set once the process has ended. */
  readonly ended: Exit | undefined;
  readonly exit: Promise<Exit>;
  signal(signal: NodeJS.Signals): void;
  /** Stops it with SIGSTOP; resolves when none of its threads runs. */
  pause(): Promise<void>;
}

export interface SpawnLoggedOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly logFile: string;
  /** Beside this process's own variables. */
  readonly environment?: Readonly<Record<string, string>>;
}

const children = new Set<ChildProcess>();
let handlersInstalled = false;

/** Finds an executable on PATH. */
export function findOnPath(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (folder === "") continue;
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/*
 * Exit handlers don't run when this process is itself killed with SIGKILL; on Linux the kernel can then be asked
 * to kill the child. setpriv execs its command, so the child's pid is the server's.
 */
export function dieWithParent(file: string, args: readonly string[]): [string, string[]] {
  const setpriv = process.platform === "linux" ? findOnPath("setpriv") : undefined;
  return setpriv === undefined ? [file, [...args]] : [setpriv, ["--pdeathsig", "KILL", "--", file, ...args]];
}

/** Starts a process whose output goes to a file. It is killed when this process ends. */
export async function spawnLogged(options: SpawnLoggedOptions): Promise<ManagedProcess> {
  const [file, args] = dieWithParent(options.file, options.args);
  const log = openSync(options.logFile, "a");
  try {
    const env = { ...process.env, ...options.environment };
    const child = spawn(file, args, { cwd: options.cwd, env, stdio: ["ignore", log, log] });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    return manage(child);
  } finally {
    closeSync(log);
  }
}

/** Registers a child to be killed when this process ends, and watches for its exit. */
export function manage(child: ChildProcess): ManagedProcess {
  const { pid } = child;
  if (pid === undefined) throw new Error("the process did not start");
  installHandlers();
  children.add(child);
  let ended: Exit | undefined;
  const exit = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => {
      children.delete(child);
      ended = { code, signal };
      resolve(ended);
    });
  });
  return {
    pid,
    get ended() {
      return ended;
    },
    exit,
    signal: (signal) => {
      if (ended === undefined) child.kill(signal);
    },
    pause: async () => {
      if (ended !== undefined) return;
      child.kill("SIGSTOP");
      await stopped(pid);
    },
  };
}

/** The last lines of a log file, for error messages. */
export function tailOf(logFile: string, lines = 20): string {
  try {
    return readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } catch {
    return "(no log)";
  }
}

function installHandlers(): void {
  if (handlersInstalled) return;
  handlersInstalled = true;
  process.on("exit", killAll);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const onSignal = (): void => {
      killAll();
      process.off(signal, onSignal);
      // Without our listener, and with nobody else's, the signal has its default effect again.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    };
    process.on(signal, onSignal);
  }
}

function killAll(): void {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  removeFolders();
}
