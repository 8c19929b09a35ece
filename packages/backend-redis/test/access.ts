import { readFileSync } from "node:fs";

const document = readFileSync(new URL("../../../docs/backends.md", import.meta.url), "utf8");

export const auth = { username: "conclave", password: "hunter2" };

/** What docs/backends.md says that a user needs: at the servers, more in a Cluster, and at Sentinels. */
const [server = "", cluster = "", sentinel = ""] = document
  .replace(/ \\\n\s*/g, " ")
  .split("\n")
  .filter((line) => line.startsWith("ACL SETUSER conclave "))
  .map((line) => line.slice("ACL SETUSER ".length).replace("PASSWORD", auth.password));

/** This user, as redis.conf has users; who else connects to the servers of a test needs no password. */
export const user = {
  atServers: server,
  inCluster: `${server} ${cluster.slice(auth.username.length + 1)}`,
  atSentinels: sentinel,
};

/** The commands that these rules allow. */
export function commandsIn(rules: string): string[] {
  return [...rules.matchAll(/ \+(\S+)/g)].map(([, name = ""]) => name);
}
