/** What the parent sends to have a method called in the child. */
export interface Call {
  readonly call: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** What the child answers. */
export interface Answer {
  readonly answer: number;
  readonly value?: unknown;
  readonly error?: Failure;
}

/** An error on its way between processes: its own enumerable fields travel too, such as `code`. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** An error thrown in a child process, with its `name`, `message`, and fields such as `code`. */
export class RemoteError extends Error {
  constructor(failure: Failure) {
    super(failure.message);
    Object.assign(this, failure.fields);
    this.name = failure.name;
    if (failure.stack !== undefined) this.stack = failure.stack;
  }
}

/**
 * For the module that `spawnNode` runs: answers `call(method, ...args)` with these methods. Arguments and results
 * are copied as by `structuredClone`. The child stays alive until `hangUp` or until it is killed.
 */
export function answerCalls(methods: Readonly<Record<string, (...args: never[]) => unknown>>): void {
  if (process.send === undefined) throw new Error("not started by spawnNode");
  process.on("message", (message) => {
    if (isCall(message)) void answer(methods, message);
  });
}

/** For the module that `spawnNode` runs: sends a message that is not an answer. */
export function notifyParent(message: unknown): void {
  process.send?.(message);
}

/** For the module that `spawnNode` runs: takes no more calls, so that the process can end by itself. */
export function hangUp(): void {
  // Not within the handling of a message, which still needs the channel; and answers are sent before.
  setImmediate(() => {
    if (process.connected) process.disconnect();
  });
}

export function isAnswer(message: unknown): message is Answer {
  return typeof message === "object" && message !== null && "answer" in message;
}

function isCall(message: unknown): message is Call {
  return typeof message === "object" && message !== null && "call" in message && "method" in message;
}

async function answer(
  methods: Readonly<Record<string, (...args: never[]) => unknown>>,
  { call, method, args }: Call,
): Promise<void> {
  let result: Answer;
  try {
    const implementation = methods[method];
    if (implementation === undefined) throw new Error(`the child has no method "${method}"`);
    result = { answer: call, value: await implementation(...(args as never[])) };
  } catch (error) {
    result = { answer: call, error: failureOf(error) };
  }
  try {
    reply(result);
  } catch (error) {
    // A value that can't be copied.
    reply({ answer: call, error: failureOf(error) });
  }
}

function reply(answer: Answer): void {
  // Without a callback, a parent that is gone would be an uncaught error here.
  if (process.connected) process.send?.(answer, undefined, undefined, () => {});
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) {
    return { name: "Error", message: String(error), stack: undefined, fields: {} };
  }
  const plain = Object.entries(error).filter(([, value]) =>
    ["string", "number", "boolean"].includes(typeof value),
  );
  return { name: error.name, message: error.message, stack: error.stack, fields: Object.fromEntries(plain) };
}
