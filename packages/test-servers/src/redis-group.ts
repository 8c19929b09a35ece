import { setTimeout as delay } from "node:timers/promises";
import { startBinary } from "./binary.js";
import { type RedisOptions, redis } from "./redis.js";
import { ask } from "./redis-ask.js";
import type { ServerKind, TestServer } from "./server.js";

/** Several Redis servers that belong together. */
export interface RedisGroup {
  /** For clients: the addresses of all that they may ask, separated by commas. */
  readonly url: string;
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 30_000;

/** Starts one of a group, always as a process of this machine: those of a group must reach each other. */
export function startMember<Kind extends string>(
  kind: ServerKind<Kind, RedisOptions>,
  options: RedisOptions,
): Promise<TestServer<Kind>> {
  const binary = kind.findBinary();
  if (binary === undefined) {
    throw new Error(`There is no redis-server: apt-get install ${redis.debianPackages.join(" ")}`);
  }
  return startBinary(kind, binary, options);
}

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

/** Runs the steps that make a group of servers started; stops them all if one fails. */
export async function formed<T>(
  servers: TestServer[],
  form: (add: <S extends TestServer>(starting: Promise<S>) => Promise<S>) => Promise<T>,
): Promise<T> {
  try {
    return await form(async (starting) => {
      const server = await starting;
      servers.push(server);
      return server;
    });
  } catch (error) {
    await stopAll(servers);
    throw error;
  }
}

export async function stopAll(servers: readonly TestServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}
