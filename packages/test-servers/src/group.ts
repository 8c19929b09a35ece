import { startBinary } from "./binary.js";
import type { ServerKind, StartOptions, TestServer } from "./server.js";

/** Several servers that belong together. */
export interface ServerGroup {
  /** For clients: the addresses of all that they may ask, separated by commas. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts one of a group, always as a process of this machine: those of a group must reach each other. */
export function startMember<Kind extends string, Options extends StartOptions>(
  kind: ServerKind<Kind, Options>,
  options: Options,
  nextPort?: () => Promise<number>,
): Promise<TestServer<Kind>> {
  const binary = kind.findBinary();
  if (binary === undefined) {
    throw new Error(
      `There is no ${kind.kind} to start several of: apt-get install ${kind.debianPackages.join(" ")}`,
    );
  }
  return startBinary(kind, binary, options, nextPort);
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

/** Waits for all of those that are started at the same time, so that none is left behind when one fails. */
export async function together<T>(starting: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(starting);
  return Promise.all(starting);
}

export async function stopAll(servers: readonly TestServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}
