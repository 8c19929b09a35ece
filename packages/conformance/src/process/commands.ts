import { ConclaveError, type Coordinator, connect, type Hold, type Session, Task } from "@conclave/api";
import type { Backend } from "@conclave/api/backend";
import type { TestCommand, TestReply } from "../target.js";
import { acquireHold } from "./holds.js";

export interface CommandsOptions {
  readonly backend: Backend;
  readonly namespace: string;
  /** Keeps the thread busy. Default: a loop that looks at the time. */
  readonly block?: (ms: number) => Promise<void> | void;
}

/** What a test process does: one coordinator, and the commands that a test gives it. */
export class Commands {
  readonly #options: CommandsOptions;
  readonly #states: string[] = [];
  #coordinator: Coordinator | undefined;
  #session: Session | undefined;
  #hold: Hold | undefined;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** Carries a command out. An error of the contract is a reply; any other rejects. */
  async run(command: TestCommand): Promise<TestReply> {
    try {
      await this.#carryOut(command);
    } catch (error) {
      if (!ConclaveError.is(error)) throw error;
      return this.#reply(error);
    }
    return this.#reply(undefined);
  }

  async close(): Promise<void> {
    await this.#coordinator?.close();
  }

  async #carryOut(command: TestCommand): Promise<void> {
    switch (command.type) {
      case "connect":
        await this.#connect(command.sessionTimeoutMs);
        break;
      case "create": {
        const { path, data, ephemeral } = command;
        await this.#live.create(path, data, { ephemeral });
        break;
      }
      case "set":
        await this.#live.set(command.path, command.data);
        break;
      case "hold":
        this.#hold = await acquireHold(this.#connected, command.kind, command.path);
        break;
      case "guardedSet":
        if (this.#hold === undefined) throw new Error("it never held anything");
        await this.#hold.set(command.path, command.data);
        break;
      case "acknowledge":
        if (!(this.#hold instanceof Task)) throw new Error("it never took a task");
        await this.#hold.acknowledge();
        break;
      case "block":
        await (this.#options.block ?? block)(command.ms);
        break;
      case "state":
        void this.#live.state;
        break;
      case "close":
        await this.close();
        break;
    }
  }

  async #connect(sessionTimeoutMs: number): Promise<void> {
    const { backend, namespace } = this.#options;
    this.#coordinator = await connect(backend, { namespace, sessionTimeoutMs });
    const session = await this.#coordinator.session();
    this.#session = session;
    void this.#record(session);
  }

  async #record(session: Session): Promise<void> {
    for await (const state of session.states()) this.#states.push(state);
  }

  get #connected(): Coordinator {
    if (this.#coordinator === undefined) throw new Error("it is not connected");
    return this.#coordinator;
  }

  get #live(): Session {
    if (this.#session === undefined) throw new Error("it is not connected");
    return this.#session;
  }

  #reply(error: ConclaveError | undefined): TestReply {
    return {
      error: error?.code,
      outcome: error?.outcome,
      sessionId: this.#session?.id,
      state: this.#session?.state,
      token: this.#hold?.token.toString(),
      states: [...this.#states],
    };
  }
}

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
