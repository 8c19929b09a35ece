import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { formed, type ServerGroup, startMember, stopAll, together } from "./group.js";
import { freePort } from "./ports.js";
import type { ServerKind, TestServer } from "./server.js";
import { fourLetterWord, type ZooKeeperOptions, zookeeper } from "./zookeeper.js";
import { Links, type MemberPlan } from "./zookeeper-links.js";

type Member = TestServer<"zookeeper">;

export interface ZooKeeperEnsembleOptions extends ZooKeeperOptions {
  /** Followers reach their leader through proxies in this process, for `cutOff` and `delay`. Default false. */
  readonly links?: boolean;
}

/** Three ZooKeeper servers, one of which the others follow. */
export interface ZooKeeperEnsemble extends ServerGroup {
  readonly members: readonly Member[];
  /** The one that leads and is followed, as soon as there is one. */
  leader(): Promise<Member>;
  /** Those that follow now. */
  followers(): Promise<readonly Member[]>;
  /** The one to which the session, with its id in hex, is connected now. */
  serving(sessionId: string): Promise<Member | undefined>;
  /** Holds back all that the member, as a follower, and its leader say to each other. Clients reach both. Needs `links`. */
  cutOff(follower: Member): void;
  /** Has the member hear from its leader, and the leader from it, so much later. Needs `links`. */
  delay(follower: Member, ms: number): void;
  /** Ends `cutOff` and `delay`: what was held back flows. */
  heal(): void;
}

const SIZE = 3;
const QUORUM_WITHIN_MS = 30_000;
const ANSWER_WITHIN_MS = 500;
/** Three of them run at once, each with little to keep and not long enough to be worth much compiling. */
const SMALL_JVM = ["-Xms16m", "-Xmx96m", "-XX:TieredStopAtLevel=1"];
/** In ticks: how long a follower may take to catch up with its leader, and how long one may hear nothing of the other. */
const LIMITS = { initLimit: 100, syncLimit: 20 };

/** Starts three servers, always as processes of this machine. Resolves when all of them serve. */
export async function startZooKeeperEnsemble(
  options: ZooKeeperEnsembleOptions = {},
): Promise<ZooKeeperEnsemble> {
  const plans: MemberPlan[] = [];
  for (let id = 1; id <= SIZE; id++) {
    const [clientPort, leaderPort, electionPort] = [await freePort(), await freePort(), await freePort()];
    plans.push({ id, clientPort, leaderPort, electionPort });
  }
  const links = options.links === true ? await Links.between(plans) : undefined;
  const all: TestServer[] = [];
  try {
    return await formed(all, async (add) => {
      const members = await together(
        plans.map((plan) =>
          add(startMember(memberOf(plans, plan, links), options, async () => plan.clientPort)),
        ),
      );
      await leaderOf(members);
      return {
        url: members.map(({ url }) => url).join(","),
        members,
        leader: () => leaderOf(members),
        followers: () => those(members, async (member) => (await roleOf(member)) === "follower"),
        serving: async (sessionId) => (await those(members, (member) => serves(member, sessionId)))[0],
        cutOff: ({ port }) => Links.of(links, port).forEach((link) => void link.blackHole()),
        delay: ({ port }, ms) => Links.of(links, port).forEach((link) => void link.latency(ms)),
        heal: () => links?.heal(),
        stop: async () => {
          await stopAll(all);
          await links?.close();
        },
      };
    });
  } catch (error) {
    await links?.close();
    throw error;
  }
}

function memberOf(
  plans: readonly MemberPlan[],
  self: MemberPlan,
  links: Links | undefined,
): ServerKind<"zookeeper", ZooKeeperOptions> {
  const addresses = plans.map((plan) => {
    const leaderPort = links?.portOf(self, plan) ?? plan.leaderPort;
    return [`server.${plan.id}`, `127.0.0.1:${leaderPort}:${plan.electionPort}`] as const;
  });
  return {
    ...zookeeper,
    findBinary() {
      const binary = zookeeper.findBinary();
      return (
        binary && {
          ...binary,
          command: (folder, ports, options) => {
            mkdirSync(join(folder, "data"), { recursive: true });
            writeFileSync(join(folder, "data", "myid"), String(self.id));
            return binary.command(folder, ports, {
              ...options,
              jvmArgs: [...SMALL_JVM, ...(options.jvmArgs ?? [])],
              config: { ...LIMITS, ...options.config, ...Object.fromEntries(addresses) },
            });
          },
        }
      );
    },
  };
}

async function leaderOf(members: readonly Member[]): Promise<Member> {
  const deadline = performance.now() + QUORUM_WITHIN_MS;
  for (;;) {
    const roles = await Promise.all(members.map(roleOf));
    const leaders = members.filter((_, index) => roles[index] === "leader");
    const [leader] = leaders;
    // Two claim it while one of them has not noticed yet that it is followed no longer.
    if (leader !== undefined && leaders.length === 1 && roles.includes("follower")) return leader;
    if (performance.now() > deadline) {
      throw new Error(`no leader within ${QUORUM_WITHIN_MS} ms; the members are ${roles.join(", ")}`);
    }
    await delay(25);
  }
}

/** `"leader"`, `"follower"`, or `"none"` when it serves nobody. */
async function roleOf(member: Member): Promise<string> {
  return /^Mode: (\w+)/m.exec(await answerOf(member, "srvr"))?.[1] ?? "none";
}

async function serves(member: Member, sessionId: string): Promise<boolean> {
  return (await answerOf(member, "cons")).includes(`sid=0x${sessionId},`);
}

function answerOf({ host, port }: Member, word: string): Promise<string> {
  return fourLetterWord(host, port, word, ANSWER_WITHIN_MS).catch(() => "");
}

async function those(
  members: readonly Member[],
  holds: (member: Member) => Promise<boolean>,
): Promise<readonly Member[]> {
  const held = await Promise.all(members.map(holds));
  return members.filter((_, index) => held[index]);
}
