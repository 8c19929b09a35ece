import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { etcd } from "@conclave/backend-etcd";
import { startEtcd } from "@conclave/test-servers";
import { freshPath, interop, Journal, settle, setUpInterop, until } from "@conclave/test-servers/interop";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

const reportFolder = new URL("../../../.conformance/interop", import.meta.url).pathname;
const TURNS = 10;
/** The critical section of `Journal`, for a shell: folder and name. */
const TURN = `cd "$0"; v=$(cat counter); echo "+ $1 $v" >> journal; echo $((v + 1)) > counter; echo "- $1 $v" >> journal`;

interop(
  { runner: { describe, it, afterAll }, store: "etcd", program: "etcdctl", reportFolder },
  (register, found) => {
    const running: ChildProcess[] = [];
    const setting = setUpInterop({
      start: () => startEtcd(),
      backend: (hosts) => etcd({ hosts }),
      holder: new URL("./fixtures/holder.mjs", import.meta.url),
      namespace: "/interop",
      prepare: async () => (url, sessionTimeoutMs) => ({
        file: found().command,
        args: ["--endpoints", url, "lock", "--ttl", String(sessionTimeoutMs / 1_000)],
      }),
    });
    beforeAll(setting.beforeAll);
    afterEach(async () => {
      for (const child of running.splice(0)) await end(child, "SIGKILL");
      await setting.afterEach();
    });
    afterAll(setting.afterAll);

    /** Runs etcdctl; `lines` is what it has printed. */
    function etcdctl(...args: string[]): { readonly child: ChildProcess; readonly lines: string[] } {
      const child = spawn(found().command, ["--endpoints", setting.server.url, ...args], {
        env: { ...process.env, ETCDCTL_API: "3" },
        stdio: ["ignore", "pipe", "inherit"],
      });
      running.push(child);
      const lines: string[] = [];
      let rest = "";
      child.stdout?.on("data", (data: Buffer) => {
        const parts = (rest + data.toString()).split("\n");
        rest = parts.pop() ?? "";
        lines.push(...parts);
      });
      return { child, lines };
    }

    register("lock: `etcdctl lock` and we exclude each other, over many hand-overs", async () => {
      const path = freshPath();
      const journal = new Journal();
      const lock = (await setting.connect()).lock(path);
      const theirs = async (name: string) => {
        for (let turn = 0; turn < TURNS; turn += 1) {
          const { child } = etcdctl(
            "lock",
            setting.namespace + path,
            "--",
            "sh",
            "-c",
            TURN,
            journal.folder,
            name,
          );
          const [code] = await once(child, "exit");
          expect(code).toBe(0);
        }
      };
      const ours = async (name: string) => {
        for (let turn = 0; turn < TURNS; turn += 1) await lock.withLock(() => journal.turn(name));
      };
      try {
        await Promise.all([theirs("theirs-1"), theirs("theirs-2"), ours("ours-1"), ours("ours-2")]);
        expect([...journal.turns()].sort()).toEqual(
          ["ours-1", "ours-2", "theirs-1", "theirs-2"].flatMap((name) => Array<string>(TURNS).fill(name)),
        );
      } finally {
        journal.remove();
      }
    });

    register("lock: `etcdctl lock` waits for us, and we for it, in the order of arrival", async () => {
      const path = freshPath();
      const lock = (await setting.connect()).lock(path);
      const standing = (count: number) =>
        until(`${count} stand in line`, async () => (await lock.contenders()).length === count);
      const first = await lock.acquire();
      const second = etcdctl("lock", setting.namespace + path);
      await standing(2);
      const third = lock.acquire();
      await standing(3);
      expect(second.lines).toEqual([]);
      await first.release();
      await until("it holds", () => second.lines[0] !== undefined);
      const [holder] = await lock.contenders();
      expect(second.lines[0]).toBe(`${setting.namespace}${holder?.path}`);
      expect(await settle(third)).toBe("pending");
      await end(second.child, "SIGINT");
      const hold = await third;
      expect(holder !== undefined && hold.token > holder.token).toBe(true);
      await hold.release();
    });

    register(
      "lock: of `etcdctl lock`, killed, passes to us when its lease is over, and ours to it",
      async () => {
        const path = freshPath();
        const lock = (await setting.connect()).lock(path);
        const killed = etcdctl("lock", "--ttl", "2", setting.namespace + path);
        await until("it holds", () => killed.lines[0] !== undefined);
        const waiting = lock.acquire();
        expect(await settle(waiting)).toBe("pending");
        await end(killed.child, "SIGKILL");
        const hold = await waiting;

        const own = setting.mortalOwn();
        const holding = own.call("acquire", setting.namespace + path);
        await until("it waits", async () => (await lock.contenders()).length === 2);
        await hold.release();
        await holding;
        const heir = etcdctl("lock", setting.namespace + path);
        await until("it waits", async () => (await lock.contenders()).length === 2);
        expect(heir.lines).toEqual([]);
        await own.kill();
        await until("it holds", () => heir.lines[0] !== undefined);
        expect(await lock.tryAcquire()).toBeUndefined();
      },
    );

    register("election: `etcdctl elect` and we take turns as leader, and each sees the other", async () => {
      const path = freshPath();
      const key = setting.namespace + path;
      const coordinator = await setting.connect();
      const election = coordinator.election(path);
      const observed: (string | undefined)[] = [];
      const observing = (async () => {
        for await (const leader of election.observe()) observed.push(leader && text(leader.data));
      })();
      observing.catch(() => {
        // The coordinator is closed at the end.
      });
      const leadership = await election.campaign({ data: "ours" });
      const listener = etcdctl("elect", "--listen", key);
      await until("it sees us", () => listener.lines.join(" ").includes("ours"));
      const candidate = etcdctl("elect", key, "theirs");
      await until("it stands", async () => (await coordinator.lock(path).contenders()).length === 2);
      expect(candidate.lines).toEqual([]);
      await leadership.resign();
      await until("it leads", () => candidate.lines.join(" ").includes("theirs"));
      const leader = await election.leader();
      expect(candidate.lines[0]).toBe(`${setting.namespace}${leader?.path}`);
      const again = election.campaign({ data: "ours again" });
      expect(await settle(again)).toBe("pending");
      await end(candidate.child, "SIGINT");
      expect((await again).token).toBeGreaterThan(leader?.token ?? 0n);
      await until("it sees us again", () => listener.lines.join(" ").includes("ours again"));
      await until("we saw all of it", () => observed.at(-1) === "ours again");
      expect(observed.filter((name) => name !== undefined)).toEqual(["ours", "theirs", "ours again"]);
    });
  },
);

function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}
