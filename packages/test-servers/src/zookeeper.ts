import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { findOnPath } from "./process.js";
import type { ServerKind, StartOptions } from "./server.js";

export interface ZooKeeperOptions extends StartOptions {
  /** The server grants session timeouts of 2 to 20 ticks. Default 100. */
  readonly tickTimeMs?: number;
  /** Default: two ticks. */
  readonly minSessionTimeoutMs?: number;
  /** Default: twenty ticks. */
  readonly maxSessionTimeoutMs?: number;
  /** More lines of `zoo.cfg`. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** More arguments to the JVM. */
  readonly jvmArgs?: readonly string[];
}

const JARS = "/usr/share/java";
const NEEDED = ["zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-simple"];
/** As ZooKeeper's own script starts it: alone, or as one of several, as its configuration says. */
const MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
/** Used only by features that a standalone server may be asked for in `config`. */
const OPTIONAL = [
  ...["netty-handler", "netty-transport", "netty-common", "netty-buffer", "netty-codec", "netty-resolver"],
  // Netty looks whether they are there.
  ...["netty-transport-native-epoll", "netty-transport-native-unix-common"],
  ...[
    "metrics-core",
    "snappy-java",
    "commons-cli",
    "jackson-databind",
    "jackson-core",
    "jackson-annotations",
  ],
];

export const zookeeper: ServerKind<"zookeeper", ZooKeeperOptions> = {
  kind: "zookeeper",
  variable: "CONCLAVE_ZOOKEEPER_URL",
  defaultPort: 2181,
  debianPackages: ["libzookeeper-java", "default-jre-headless"],
  hint: `install Java and put ZooKeeper's jars (3.5 or later) into ${JARS}, or start one and name it in CONCLAVE_ZOOKEEPER_URL`,
  ports: 1,

  url: (host, port) => `${host}:${port}`,

  async probe(url, timeoutMs) {
    const { hostname, port } = new URL(`tcp://${url.split(",")[0]}`);
    const answer = await fourLetterWord(hostname, Number(port || 2181), "srvr", timeoutMs);
    const version = /^Zookeeper version: ([0-9][0-9A-Za-z.]*)/m.exec(answer)?.[1];
    if (version === undefined || !/^Mode: /m.test(answer)) {
      throw new Error(`"srvr" was answered with: ${answer.slice(0, 200).trim()}`);
    }
    return version;
  },

  findBinary() {
    const java = findOnPath("java");
    if (java === undefined || !NEEDED.every((name) => existsSync(jar(name)))) return undefined;
    const classPath = [...NEEDED, ...OPTIONAL].map(jar).filter(existsSync).join(":");
    return {
      path: jar("zookeeper"),
      answersFrom: async (url, folder) => {
        const { hostname, port } = new URL(`tcp://${url}`);
        const answer = await fourLetterWord(hostname, Number(port), "conf", 2_000);
        return answer.includes(`dataDir=${join(folder, "data")}`);
      },
      command: (folder, [port = 0], options) => {
        mkdirSync(join(folder, "data"), { recursive: true });
        const config = join(folder, "zoo.cfg");
        writeFileSync(config, properties({ ...settings(folder, port, options), ...options.config }));
        return {
          file: java,
          args: [
            ...["-Xmx256m", "-Xms32m", "-XX:+UseSerialGC", "-Xshare:auto", "-XX:-UsePerfData"],
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dzookeeper.preAllocSize=4096",
            ...(options.jvmArgs ?? []),
            ...["-cp", classPath, MAIN, config],
          ],
        };
      },
    };
  },

  container: (options) => ({
    image: "zookeeper:3.9",
    port: 2181,
    environment: {
      ZOO_TICK_TIME: String(options.tickTimeMs ?? 100),
      ZOO_MAX_CLIENT_CNXNS: "0",
      ZOO_ADMINSERVER_ENABLED: "false",
      ZOO_4LW_COMMANDS_WHITELIST: "*",
      JVMFLAGS: (options.jvmArgs ?? []).join(" "),
      ZOO_CFG_EXTRA: Object.entries({ ...sessionLimits(options), ...options.config })
        .map(([key, value]) => `${key}=${value}`)
        .join(" "),
    },
  }),
};

/** Asks a server one of the four-letter questions and returns its whole answer. */
export function fourLetterWord(host: string, port: number, word: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no answer to "${word}" within ${timeoutMs} ms`));
    }, timeoutMs);
    socket.on("connect", () => socket.write(word));
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
  });
}

function jar(name: string): string {
  return join(JARS, `${name}.jar`);
}

function settings(folder: string, port: number, options: ZooKeeperOptions): Record<string, string | number> {
  return {
    tickTime: options.tickTimeMs ?? 100,
    ...sessionLimits(options),
    dataDir: join(folder, "data"),
    clientPort: port,
    clientPortAddress: "127.0.0.1",
    maxClientCnxns: 0,
    "admin.enableServer": "false",
    "4lw.commands.whitelist": "*",
  };
}

function sessionLimits(options: ZooKeeperOptions): Record<string, number> {
  return {
    ...(options.minSessionTimeoutMs === undefined ? {} : { minSessionTimeout: options.minSessionTimeoutMs }),
    ...(options.maxSessionTimeoutMs === undefined ? {} : { maxSessionTimeout: options.maxSessionTimeoutMs }),
  };
}

function properties(values: Readonly<Record<string, string | number | boolean>>): string {
  return `${Object.entries(values)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`;
}
