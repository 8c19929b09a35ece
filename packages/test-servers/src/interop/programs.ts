import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { findOnPath } from "../process.js";

/** The programs of others that stand in the same lines as ours (INTEROP-1). */
export type Program = "curator" | "kazoo" | "go-etcd" | "etcdctl";

/** A program as it was found on this machine. */
export interface FoundProgram {
  /** As it says itself, for the report. */
  readonly version: string;
  /** What runs it, or what it is compiled with. */
  readonly command: string;
  /** Where its libraries are: Java's class path, Go's GOPATH. */
  readonly libraries: string;
}

export interface ForeignProgram {
  readonly title: string;
  /** Debian packages that bring it. */
  readonly debianPackages: readonly string[];
  find(): FoundProgram | undefined;
}

const JARS = "/usr/share/java";
const CURATOR_JARS = [
  ...["curator-client", "curator-framework", "curator-recipes", "curator-x-discovery"],
  ...["zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-simple", "guava"],
  ...["jackson-databind", "jackson-core", "jackson-annotations"],
];
/** Needed by some builds of the above and absent beside others. */
const OPTIONAL_JARS = ["failureaccess", "metrics-core", "snappy-java", "netty-handler", "netty-transport"];

const GOPATH = "/usr/share/gocode";

export const programs: Readonly<Record<Program, ForeignProgram>> = {
  curator: {
    title: "Apache Curator",
    debianPackages: [
      ...["libcurator-recipes-java", "libcurator-discovery-java", "libzookeeper-java"],
      "default-jdk-headless",
    ],
    find() {
      const java = findOnPath("javac") && findOnPath("java");
      if (java === undefined || !CURATOR_JARS.map(jar).every(existsSync)) return undefined;
      const versioned = /^curator-recipes-([0-9].*)\.jar$/;
      const version =
        readdirSync(JARS)
          .map((name) => versioned.exec(name)?.[1])
          .find(Boolean) ?? "unknown";
      const libraries = [...CURATOR_JARS, ...OPTIONAL_JARS].map(jar).filter(existsSync).join(delimiter);
      return { version, command: java, libraries };
    },
  },
  kazoo: {
    title: "kazoo",
    debianPackages: ["python3-kazoo"],
    find() {
      const ask = "from importlib.metadata import version; print(version('kazoo'))";
      // Another Python than Debian's may come first on the PATH, and lacks Debian's modules.
      for (const command of [findOnPath("python3"), "/usr/bin/python3"]) {
        if (command === undefined || !existsSync(command)) continue;
        const { status, stdout } = spawnSync(command, ["-c", ask], { encoding: "utf8" });
        if (status === 0) return { version: stdout.trim(), command, libraries: "" };
      }
      return undefined;
    },
  },
  "go-etcd": {
    title: "Go clientv3/concurrency",
    debianPackages: ["golang-go", "golang-etcd-server-dev"],
    find() {
      const command = findOnPath("go");
      const etcd = join(GOPATH, "src/go.etcd.io/etcd");
      if (command === undefined || !existsSync(join(etcd, "clientv3/concurrency"))) return undefined;
      const source = readFileSync(join(etcd, "version/version.go"), "utf8");
      const version = /\bVersion\s*=\s*"([^"]+)"/.exec(source)?.[1] ?? "unknown";
      return { version, command, libraries: GOPATH };
    },
  },
  etcdctl: {
    title: "etcdctl",
    debianPackages: ["etcd-client"],
    find() {
      const command = findOnPath("etcdctl");
      if (command === undefined) return undefined;
      const env = { ...process.env, ETCDCTL_API: "3" };
      const { stdout } = spawnSync(command, ["version"], { encoding: "utf8", env });
      return { version: /version: (\S+)/.exec(stdout)?.[1] ?? "unknown", command, libraries: "" };
    },
  },
};

export function isProgram(name: string): name is Program {
  return Object.hasOwn(programs, name);
}

function jar(name: string): string {
  return join(JARS, `${name}.jar`);
}
