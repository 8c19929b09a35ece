import { fork, type Serializable } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type Call, isAnswer, RemoteError } from "./calls.js";
import { dieWithParent, type Exit, manage } from "./process.js";

export interface SpawnNodeOptions {
  readonly args?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface WaitOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number;
}

/** A Node.js process running one module. It is killed when this process ends. */
export interface ChildHandle {
  readonly pid: number;
  /** Everything it has written to stdout so far, by line. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** All messages so far, other than answers to calls. */
  readonly messages: readonly unknown[];
  readonly exit: Promise<Exit>;
  /** Freezes the process: neither its code nor its timers run. */
  pause(): Promise<void>;
  resume(): void;
  /** Kills it, by default at once and even while paused. Resolves when it has ended. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
  send(message: Serializable): void;
  /** Resolves to the first message, past or future, for which this holds. Rejects on timeout or exit. */
  message(matches: (message: unknown) => boolean, options?: WaitOptions): Promise<unknown>;
  /** The first line of stdout, past or future, that matches. Rejects on timeout or exit. */
  line(pattern: RegExp, options?: WaitOptions): Promise<string>;
  /** Has `answerCalls` in the child call the method. Rejects with its error, a `RemoteError`, or on exit. */
  call(method: string, ...args: readonly unknown[]): Promise<unknown>;
}

interface Waiter {
  /** Returns true when it is content. */
  readonly check: () => boolean;
  readonly fail: (error: Error) => void;
}

/** Runs a JavaScript module, by path or `file:` URL, in a Node.js process of its own. */
export function spawnNode(module: string | URL, options: SpawnNodeOptions = {}): ChildHandle {
  const path = module instanceof URL || module.startsWith("file:") ? fileURLToPath(module) : module;
  const [execPath, execArgv] = dieWithParent(process.execPath, []);
  const child = fork(path, [...(options.args ?? [])], {
    env: { ...process.env, ...options.env },
    execPath,
    // What this process was started with (a test runner's loaders, an inspector's port) is not for the child.
    execArgv,
    silent: true,
    serialization: "advanced",
  });
  const managed = manage(child);
  const messages: unknown[] = [];
  const calls = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  const waiters = new Set<Waiter>();
  let lastCall = 0;

  const notice = (): void => {
    for (const waiter of [...waiters]) if (waiter.check()) waiters.delete(waiter);
  };
  const stdout = collectLines(child.stdout, notice);
  const stderr = collectLines(child.stderr, notice);

  const gone = (): Error =>
    new Error(
      `${path} ended with ${managed.ended?.signal ?? `code ${managed.ended?.code}`}\n--- end of its stderr\n${stderr.slice(-20).join("\n")}`,
    );
  child.on("message", (message: unknown) => {
    if (!isAnswer(message)) {
      messages.push(message);
      notice();
      return;
    }
    const call = calls.get(message.answer);
    calls.delete(message.answer);
    if (message.error === undefined) call?.resolve(message.value);
    else call?.reject(new RemoteError(message.error));
  });
  // After "exit", when everything the child has written and sent is here.
  child.once("close", () => {
    notice();
    for (const { reject } of calls.values()) reject(gone());
    for (const { fail } of waiters) fail(gone());
    calls.clear();
    waiters.clear();
  });
  child.on("error", () => {
    // A message that could not be sent: its call is rejected by the callback of `send`, or by "close".
  });

  const waitFor = <T>(what: string, find: () => T | undefined, timeoutMs = 10_000): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiters.delete(waiter);
        reject(
          new Error(
            `no ${what} from ${path} within ${timeoutMs} ms; its stderr: ${stderr.slice(-5).join("\n")}`,
          ),
        );
      }, timeoutMs);
      const waiter: Waiter = {
        check: () => {
          const found = find();
          if (found === undefined) return false;
          clearTimeout(timer);
          resolve(found);
          return true;
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      if (waiter.check()) return;
      if (managed.ended === undefined) waiters.add(waiter);
      else waiter.fail(gone());
    });

  return {
    pid: managed.pid,
    stdout,
    stderr,
    messages,
    exit: managed.exit,
    pause: () => managed.pause(),
    resume: () => managed.signal("SIGCONT"),
    kill: (signal = "SIGKILL") => {
      managed.signal(signal);
      return managed.exit;
    },
    send: (message) => void child.send(message),
    message: async (matches, { timeoutMs } = {}) => {
      const box = await waitFor(
        "such message",
        () => {
          const index = messages.findIndex(matches);
          return index < 0 ? undefined : { message: messages[index] };
        },
        timeoutMs,
      );
      return box.message;
    },
    line: (pattern, { timeoutMs } = {}) =>
      waitFor(`line like ${pattern}`, () => stdout.find((line) => pattern.test(line)), timeoutMs),
    call: (method, ...args) =>
      new Promise((resolve, reject) => {
        if (managed.ended !== undefined) {
          reject(gone());
          return;
        }
        const call = ++lastCall;
        calls.set(call, { resolve, reject });
        const message: Call = { call, method, args };
        child.send(message, (error) => {
          if (error === null) return;
          calls.delete(call);
          reject(error);
        });
      }),
  };
}

function collectLines(stream: Readable | null, notice: () => void): readonly string[] {
  const lines: string[] = [];
  if (stream === null) return lines;
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
    lines.push(line);
    notice();
  });
  return lines;
}
