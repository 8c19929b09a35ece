import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type EtcdOptions, etcd, json, timing } from "./etcd.js";
import { formed, type ServerGroup, startMember, stopAll, together } from "./group.js";
import { freePort } from "./ports.js";
import type { ServerKind, TestServer } from "./server.js";

type Member = TestServer<"etcd">;

/** Three etcd servers, one of which the others follow. */
export interface EtcdCluster extends ServerGroup {
  readonly members: readonly Member[];
  /** The one that leads, as soon as there is one that the others know. */
  leader(): Promise<Member>;
}

interface MemberPlan {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

const SIZE = 3;
const LEADER_WITHIN_MS = 30_000;
const ANSWER_WITHIN_MS = 500;
/** Longer than for one that is alone, which nobody has to hear from in time. */
const TIMING = { heartbeatIntervalMs: 50, electionTimeoutMs: 500 };

/** Starts three members, always as processes of this machine. Resolves when all of them serve. */
export async function startEtcdCluster(options: EtcdOptions = {}): Promise<EtcdCluster> {
  const token = randomUUID();
  const plans: MemberPlan[] = [];
  for (let i = 1; i <= SIZE; i++) {
    plans.push({ name: `${token}-${i}`, clientPort: await freePort(), peerPort: await freePort() });
  }
  const all: TestServer[] = [];
  return formed(all, async (add) => {
    const members = await together(
      plans.map((plan) =>
        add(
          startMember(memberOf(plans, plan, token), { ...TIMING, ...options }, async () => plan.clientPort),
        ),
      ),
    );
    return {
      url: members.map(({ url }) => url).join(","),
      members,
      leader: () => leaderOf(members),
      stop: () => stopAll(all),
    };
  });
}

function memberOf(
  plans: readonly MemberPlan[],
  self: MemberPlan,
  token: string,
): ServerKind<"etcd", EtcdOptions> {
  return {
    ...etcd,
    ports: 1,
    findBinary() {
      const binary = etcd.findBinary();
      return (
        binary && {
          path: binary.path,
          answersFrom: async (url) => (await statusOf(url)).name === self.name,
          command: (folder, _ports, options) => {
            const clientUrl = `http://127.0.0.1:${self.clientPort}`;
            const peerUrl = peerUrlOf(self);
            const others = plans.map((plan) => `${plan.name}=${peerUrlOf(plan)}`);
            return {
              file: binary.path,
              args: [
                ...["--name", self.name, "--data-dir", join(folder, "data")],
                ...["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl],
                ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
                ...["--initial-cluster", others.join(","), "--initial-cluster-token", token],
                ...timing(options),
                ...(options.args ?? []),
              ],
            };
          },
        }
      );
    },
  };
}

function peerUrlOf({ peerPort }: MemberPlan): string {
  return `http://127.0.0.1:${peerPort}`;
}

interface Status {
  readonly name: string | undefined;
  readonly id: string;
  /** Of the leader, as this member knows it; `"0"` for none. */
  readonly leader: string;
}

async function statusOf(url: string): Promise<Status> {
  const ask = async (what: string) => {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    return json(await fetch(`${url}/v3/${what}`, { method: "POST", body: "{}", signal }));
  };
  const [status, list] = await Promise.all([ask("maintenance/status"), ask("cluster/member/list")]);
  const id = String(Object(status.header).member_id);
  const members: readonly unknown[] = Array.isArray(list.members) ? list.members : [];
  const self = members.map(Object).find((member) => String(member.ID) === id);
  return { name: self?.name, id, leader: String(status.leader ?? "0") };
}

async function leaderOf(members: readonly Member[]): Promise<Member> {
  const deadline = performance.now() + LEADER_WITHIN_MS;
  for (;;) {
    const answers = await Promise.all(members.map(({ url }) => statusOf(url).catch(() => undefined)));
    for (const [index, member] of members.entries()) {
      const id = answers[index]?.id;
      const followers = answers.filter((status) => status !== undefined && status.leader === id);
      if (followers.length > members.length / 2) return member;
    }
    if (performance.now() > deadline) throw new Error(`no leader of etcd within ${LEADER_WITHIN_MS} ms`);
    await delay(25);
  }
}
