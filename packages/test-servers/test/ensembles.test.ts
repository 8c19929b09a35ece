import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  startEtcdCluster,
  startZooKeeperEnsemble,
  type TestServer,
  type ZooKeeperEnsemble,
} from "@conclave/test-servers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { get, put } from "./etcd-http.js";
import { reachability } from "./helpers.js";
import { openWireSession } from "./zk-wire.js";

const timeout = 120_000;
const WITHIN_MS = 30_000;

let temporary: string;
let stop: () => Promise<void> = async () => {};

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "test-servers-"));
  vi.stubEnv("TMPDIR", temporary);
});

afterEach(async () => {
  await stop();
  vi.unstubAllEnvs();
  rmSync(temporary, { recursive: true });
});

function controlOf({ control }: TestServer) {
  if (control === undefined) throw new Error("no control");
  return control;
}

async function create(server: TestServer, path: string, data: string): Promise<void> {
  const session = await openWireSession(server, 5_000);
  expect(await session.create(path, data)).toBe(0);
  session.destroy();
}

/** Until a member has caught up. */
async function expectRead(server: TestServer, path: string, data: string): Promise<void> {
  const session = await openWireSession(server, 5_000);
  await vi.waitFor(async () => expect(await session.get(path)).toBe(data), { timeout: WITHIN_MS });
  session.destroy();
}

it("three ZooKeepers serve as one, whichever of them leads, until two are gone", { timeout }, async () => {
  const ensemble: ZooKeeperEnsemble = await startZooKeeperEnsemble();
  stop = () => ensemble.stop();
  expect(ensemble.members).toHaveLength(3);
  expect(ensemble.url).toBe(ensemble.members.map(({ url }) => url).join(","));
  const leader = await ensemble.leader();
  const followers = await ensemble.followers();
  expect(new Set([leader, ...followers])).toEqual(new Set(ensemble.members));
  await create(leader, "/kept", "yes");
  for (const member of ensemble.members) await expectRead(member, "/kept", "yes");

  await controlOf(leader).kill();
  const next = await ensemble.leader();
  expect(followers).toContain(next);
  await create(next, "/later", "too");
  await controlOf(leader).restart();
  await expectRead(leader, "/later", "too");
  expect(await ensemble.followers()).toContain(leader);

  const [one, other] = await ensemble.followers();
  if (one === undefined || other === undefined) throw new Error("no followers");
  await Promise.all([controlOf(one).kill(), controlOf(other).kill()]);
  await expect(openWireSession(next, 5_000).then((session) => session.get("/kept"))).rejects.toThrow();
  await Promise.all([controlOf(one).restart(), controlOf(other).restart()]);
  await expectRead(await ensemble.leader(), "/later", "too");

  const ports = ensemble.members.map(({ host, port }) => ({ host, port }));
  await Promise.all([ensemble.stop(), ensemble.stop()]);
  for (const address of ports) expect(await reachability(address)).toBe("ECONNREFUSED");
  expect(readdirSync(temporary)).toEqual([]);
  expect(() => ensemble.cutOff(leader)).toThrow("without `links`");
});

it("a ZooKeeper that is cut off from its leader goes on answering what it knows", { timeout }, async () => {
  const ensemble = await startZooKeeperEnsemble({ links: true, config: { syncLimit: 100 } });
  stop = () => ensemble.stop();
  const leader = await ensemble.leader();
  const [follower] = await ensemble.followers();
  if (follower === undefined) throw new Error("no follower");
  const session = await openWireSession(follower, 5_000);
  ensemble.cutOff(follower);
  await create(leader, "/news", "yes");
  const NONODE = -101;
  expect(await session.get("/news")).toBe(NONODE);
  ensemble.heal();
  await vi.waitFor(async () => expect(await session.get("/news")).toBe("yes"), { timeout: WITHIN_MS });
  session.destroy();
});

it("three etcds serve as one, whichever of them leads", { timeout }, async () => {
  const cluster = await startEtcdCluster();
  stop = () => cluster.stop();
  const leader = await cluster.leader();
  await put(leader.url, "/kept", "yes");
  for (const { url } of cluster.members) expect(await get(url, "/kept")).toBe("yes");
  await controlOf(leader).kill();
  const next = await cluster.leader();
  expect(next).not.toBe(leader);
  await vi.waitFor(() => put(next.url, "/later", "too"), { timeout: WITHIN_MS });
  await controlOf(leader).restart();
  expect(await get(leader.url, "/later")).toBe("too");
  const ports = cluster.members.map(({ host, port }) => ({ host, port }));
  await cluster.stop();
  for (const address of ports) expect(await reachability(address)).toBe("ECONNREFUSED");
  expect(readdirSync(temporary)).toEqual([]);
});
