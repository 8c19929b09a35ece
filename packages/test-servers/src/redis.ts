import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findOnPath } from "./process.js";
import { ask } from "./redis-ask.js";
import type { ServerKind, StartOptions } from "./server.js";

export interface RedisOptions extends StartOptions {
  /** Writes an append-only file with this `appendfsync`; false: keeps nothing. Default "always". */
  readonly appendonly?: "always" | "everysec" | false;
  /** The test client's password, where \`config\` asks for one. */
  readonly password?: string;
  /** More settings, as in redis.conf. */
  readonly config?: Readonly<Record<string, string | number | readonly string[]>>;
}

/** Where a server answers that asks for a password: it is running, and that is all that is asked. */
const GUARDED = /^-(NOAUTH|NOPERM)/;

export const redis: ServerKind<"redis", RedisOptions> = {
  kind: "redis",
  variable: "CONCLAVE_REDIS_URL",
  defaultPort: 6379,
  debianPackages: ["redis-server", "redis-tools", "redis-sentinel"],
  hint: "put `redis-server` (6.2 or later) on the PATH: https://redis.io/downloads",
  ports: 1,

  url: (host, port) => `redis://${host}:${port}`,

  async probe(url, timeoutMs) {
    const info = await ask(url, ["INFO", "server"], timeoutMs);
    if (GUARDED.test(info)) return "guarded";
    const version = /redis_version:(\S+)/.exec(info)?.[1];
    if (version === undefined) throw new Error(`INFO got ${info.slice(0, 200)}`);
    return version;
  },

  findBinary() {
    const path = findOnPath("redis-server");
    if (path === undefined) return undefined;
    return {
      path,
      // Its process id, which it has written into its own folder.
      answersFrom: async (url, folder) => {
        const info = await ask(url, ["INFO", "server"], 2_000);
        return GUARDED.test(info) || info.includes(`config_file:${join(folder, "redis.conf")}`);
      },
      command: (folder, [port = 0], options) => {
        const data = join(folder, "data");
        mkdirSync(data, { recursive: true });
        const file = join(folder, "redis.conf");
        // What the server has written there itself survives a restart.
        if (!existsSync(file)) writeFileSync(file, configuration(settings(data, port, options)));
        return { file: path, args: [file] };
      },
    };
  },

  container: (options) => ({
    image: "redis:7.4",
    port: 6379,
    command: ["redis-server", ...flags({ ...durability(options), save: "", ...options.config })],
  }),
};

export function configuration(values: Settings): string {
  return Object.entries(values)
    .flatMap(([key, value]) => (Array.isArray(value) ? value : [value]).map((one) => `${key} ${one}\n`))
    .join("");
}

type Settings = Readonly<Record<string, string | number | readonly string[]>>;

function settings(data: string, port: number, options: RedisOptions): Settings {
  return {
    ...{ port, bind: "127.0.0.1", dir: data, save: '""', "repl-diskless-sync-delay": 0 },
    ...durability(options),
    ...options.config,
  };
}

function durability({ appendonly = "always" }: RedisOptions): Settings {
  return appendonly === false ? { appendonly: "no" } : { appendonly: "yes", appendfsync: appendonly };
}

function flags(values: Settings): string[] {
  return Object.entries(values).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one) => [`--${key}`, ...String(one).split(" ")]),
  );
}
