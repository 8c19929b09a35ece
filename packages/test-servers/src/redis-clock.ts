import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "./folders.js";
import { startMember } from "./group.js";
import { isCI } from "./interop/register.js";
import { type RedisOptions, redis } from "./redis.js";
import type { ServerKind, TestServer } from "./server.js";

/** A Redis whose wall clock is ours to set; its monotonic clock goes on as it is. */
export interface ClockedRedis {
  readonly server: TestServer<"redis">;
  /** Lets its clock be off by so much from now on, forwards or, below 0, backwards. */
  setClock(offsetMs: number): void;
  stop(): Promise<void>;
}

/** Under LD_PRELOAD, which Debian's package `faketime` brings. */
export async function startClockedRedis(options: RedisOptions = {}): Promise<ClockedRedis> {
  const library = findFaketime();
  if (library === undefined) throw new Error("There is no libfaketime: apt-get install faketime");
  const folder = temporaryFolder("clock");
  const file = join(folder.path, "offset");
  const setClock = (offsetMs: number): void =>
    writeFileSync(file, `${offsetMs < 0 ? "" : "+"}${offsetMs / 1_000}`);
  setClock(0);
  const environment = {
    // With malloc from libc: jemalloc asks for the time before libfaketime can tell it, which itself needs malloc.
    LD_PRELOAD: `${library} libc.so.6`,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    DONT_FAKE_MONOTONIC: "1",
  };
  try {
    const server = await startMember(within(environment), options);
    return {
      server,
      setClock,
      stop: async () => {
        await server.stop();
        folder.remove();
      },
    };
  } catch (error) {
    folder.remove();
    throw error;
  }
}

/** Why nothing about clocks can be proven here; `undefined` where it can, and under `CI`, where it must. */
export function faketimeMissing(): string | undefined {
  return isCI() || findFaketime() !== undefined
    ? undefined
    : "libfaketime is not installed (apt-get install faketime)";
}

export function findFaketime(): string | undefined {
  for (const folder of existsSync("/usr/lib") ? readdirSync("/usr/lib") : []) {
    const file = join("/usr/lib", folder, "faketime", "libfaketime.so.1");
    if (existsSync(file)) return file;
  }
  return undefined;
}

function within(environment: Readonly<Record<string, string>>): ServerKind<"redis", RedisOptions> {
  return {
    ...redis,
    findBinary() {
      const binary = redis.findBinary();
      return (
        binary && {
          ...binary,
          command: (...where) => ({ ...binary.command(...where), environment }),
        }
      );
    },
  };
}
