import { setTimeout as delay } from "node:timers/promises";
import { ask } from "./redis-ask.js";
import type { TestServer } from "./server.js";

export { formed, type ServerGroup as RedisGroup, startMember, stopAll } from "./group.js";

const READY_WITHIN_MS = 30_000;

/** Asks until the answer is as wanted. */
export async function untilAnswered(
  server: TestServer,
  command: readonly string[],
  wanted: RegExp,
): Promise<string> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const answer = await ask(server.url, command).catch((error: unknown) => String(error));
    if (wanted.test(answer)) return answer;
    if (performance.now() > deadline) {
      throw new Error(`${server.url}: ${command.join(" ")} says ${answer.slice(0, 500)}, not ${wanted}`);
    }
    await delay(50);
  }
}
