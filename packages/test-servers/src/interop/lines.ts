import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { dieWithParent, type Exit, manage } from "../process.js";

export interface ForeignCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A program in another language, driven by lines: `<call> TAB <command> TAB <handle> TAB <argument>...`, answered by
 * `<call> TAB ok TAB <value>` or `<call> TAB error TAB <message>`; in between it may say `event TAB <handle> TAB <value>`.
 * A handle is one client of its own. It is killed when this process ends.
 */
export interface ForeignProcess {
  /** Rejects with the program's error, and when it ends first. */
  call(command: string, handle: string, ...args: readonly string[]): Promise<string>;
  /** What it said of itself so far, by handle. */
  events(handle: string): readonly string[];
  /** Kills it, by default at once. Resolves when it has ended. Idempotent. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
}

interface Pending {
  resolve(value: string): void;
  reject(error: Error): void;
}

export function startForeign({ file, args, env }: ForeignCommand): ForeignProcess {
  const [program, words] = dieWithParent(file, args);
  const child = spawn(program, words, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const managed = manage(child);
  const pending = new Map<string, Pending>();
  const said = new Map<string, string[]>();
  const errors: string[] = [];
  let lastCall = 0;

  createInterface({ input: child.stdout }).on("line", (line) => {
    const [call = "", kind = "", ...rest] = line.split("\t");
    if (call === "event") {
      said.set(kind, [...(said.get(kind) ?? []), rest.join("\t")]);
      return;
    }
    const waiting = pending.get(call);
    pending.delete(call);
    if (kind === "ok") waiting?.resolve(rest.join("\t"));
    else waiting?.reject(new Error(rest.join("\t")));
  });
  createInterface({ input: child.stderr }).on("line", (line) => errors.push(line));
  child.stdin.on("error", () => {
    // It has ended; its calls are rejected by "close".
  });
  child.once("close", () => {
    for (const { reject } of pending.values()) reject(gone());
    pending.clear();
  });

  const gone = (): Error =>
    new Error(
      `${file} ended with ${managed.ended?.signal ?? managed.ended?.code}\n${errors.slice(-20).join("\n")}`,
    );

  return {
    call: (command, handle, ...args) =>
      new Promise((resolve, reject) => {
        if (managed.ended !== undefined) {
          reject(gone());
          return;
        }
        const call = String(++lastCall);
        pending.set(call, { resolve, reject });
        child.stdin.write(`${[call, command, handle, ...args].join("\t")}\n`);
      }),
    events: (handle) => said.get(handle) ?? [],
    kill: (signal = "SIGKILL") => {
      managed.signal(signal);
      return managed.exit;
    },
  };
}
