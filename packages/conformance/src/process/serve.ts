import type { Backend } from "@conclave/api/backend";
import type { TestCommand } from "../target.js";
import { Commands } from "./commands.js";

/** How a test process and the test reach each other. */
export interface CommandChannel {
  /** Has `answer` called with each command; what it resolves with is the reply. */
  serve(answer: (command: TestCommand) => Promise<unknown>): void;
}

/** For the program of a `TestProcess`: carries out the commands that come in. */
export function serveProcess(backend: Backend, namespace: string, channel: CommandChannel): void {
  const commands = new Commands({ backend, namespace });
  channel.serve((command) => commands.run(command));
}
