import type { Redis } from "ioredis";
import { replyCode, unfit } from "./errors.js";
import type { RedisConfig } from "./options.js";
import { allScripts } from "./scripts/index.js";

const OLDEST = [6, 2] as const;
/** Where INFO is forbidden, restarts of the server can't be told. */
const UNKNOWN_RUN = "unknown";

/** What a server says of itself. */
type Facts = ReadonlyMap<string, string>;

/**
 * Looks whether this server can keep the contract, and has it load the scripts. Resolves with the id of the server's process.
 * Where a managed service keeps something to itself, the server is taken as it is.
 */
export async function inspect(raw: Redis, config: RedisConfig): Promise<string> {
  const [facts, loaded] = await Promise.all([
    info(raw),
    raw.script("EXISTS", ...allScripts.map(({ sha }) => sha)).catch(unlessContactBroke([])),
  ]);
  checkVersion(facts);
  checkRole(facts);
  checkEviction(facts);
  await checkPersistence(raw, facts, config);
  const missing = allScripts.filter((_, index) => Number(Object(loaded)[index] ?? 0) !== 1);
  // Where this is forbidden, each script is sent whole the first time.
  await Promise.all(
    missing.map(({ source }) => raw.script("LOAD", source).catch(unlessContactBroke(undefined))),
  );
  return runIn(facts);
}

function runIn(facts: Facts): string {
  return facts.get("run_id")?.slice(0, 16) ?? UNKNOWN_RUN;
}

async function info(raw: Redis): Promise<Facts> {
  const text = await raw.info().catch((error: unknown) => {
    if (replyCode(error) === "NOPERM") return "";
    throw error;
  });
  return factsIn(text);
}

function factsIn(text: string): Facts {
  return new Map(
    text
      .split(/\r?\n/)
      .filter((line) => line.includes(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );
}

function checkVersion(facts: Facts): void {
  const version = facts.get("redis_version");
  if (version === undefined) return;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw unfit(`Redis ${version} is too old: ${OLDEST.join(".")} or later is needed`);
}

function checkRole(facts: Facts): void {
  if (facts.get("role") !== "slave") return;
  throw unfit("this server is a read-only replica: name its master, or its Sentinels with `sentinel`");
}

function checkEviction(facts: Facts): void {
  const policy = facts.get("maxmemory_policy");
  if (policy === undefined || policy === "noeviction") return;
  const what = policy.startsWith("volatile-") ? "sessions, which have a time to live," : "nodes and sessions";
  throw unfit(
    `its maxmemory-policy is ${policy}, which would silently delete ${what}: it must be noeviction`,
  );
}

async function checkPersistence(raw: Redis, facts: Facts, { persistence }: RedisConfig): Promise<void> {
  if (persistence === "none") return;
  if (facts.get("aof_enabled") === "0") {
    throw unfit(`persistence is said to be "${persistence}", but the server has appendonly no`);
  }
  if (persistence !== "always") return;
  const reply: unknown = await raw.config("GET", "appendfsync").catch(unlessContactBroke([]));
  const [, fsync] = Array.isArray(reply) ? reply : [];
  if (fsync !== undefined && fsync !== "always") {
    throw unfit(`persistence is said to be "always", but the server has appendfsync ${fsync}`);
  }
}

function unlessContactBroke<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (replyCode(error) === undefined) throw error;
    return instead;
  };
}
