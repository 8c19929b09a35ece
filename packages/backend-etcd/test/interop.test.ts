import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { bytes, eventually, linearizable, nearest, setUp, text } from "./helpers.js";

const setting = setUp();
const running: ChildProcess[] = [];

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }
});

/** Runs etcdctl; `lines` is what it has printed. */
function etcdctl(...args: string[]): { child: ChildProcess; lines: string[] } {
  const child = spawn("etcdctl", ["--endpoints", setting.server.url, ...args], {
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

const entry = { label: "lock", data: bytes("node") } as const;

test("INTEROP-1 `etcdctl lock` waits for our entry, then holds", async () => {
  const { session } = await setting.open();
  setting.keepAlive(session);
  const ticket = await session.enqueue("/lock", entry, nearest);
  expect(ticket).toMatchObject({ ahead: [] });
  const go = etcdctl("lock", `${setting.namespace}/lock`);
  await eventually(async () => expect(await session.children("/lock", linearizable)).toHaveLength(2));
  expect(go.lines).toEqual([]);
  expect((await session.entries("/lock", 1))[0]?.path).toBe(ticket.path);
  await session.leave(ticket);
  await eventually(() => expect(go.lines[0]).toBeDefined());
  const holder = (await session.entries("/lock", 1))[0];
  expect(go.lines[0]).toBe(`${setting.namespace}${holder?.path}`);
});

test("INTEROP-1 our entry stands behind the holder of `etcdctl lock`, and moves up when it ends", async () => {
  const { session } = await setting.open();
  setting.keepAlive(session);
  const go = etcdctl("lock", `${setting.namespace}/lock`);
  await eventually(() => expect(go.lines[0]).toBeDefined());
  const ticket = await session.enqueue("/lock", entry, nearest);
  expect(`${setting.namespace}${ticket.ahead[0]?.path}`).toBe(go.lines[0]);
  const second = await session.enqueue("/lock", entry, nearest);
  expect(second.ahead).toEqual([{ path: ticket.path, label: undefined }]);
  go.child.kill("SIGINT");
  await eventually(async () =>
    expect(await session.standing(ticket, nearest)).toEqual({ present: true, ahead: [] }),
  );
  expect(await session.standing(second, nearest)).toEqual({ present: true, ahead: second.ahead });
});

test("INTEROP-1 `etcdctl elect` and we take turns as leader, and each sees the other", async () => {
  const { session } = await setting.open();
  setting.keepAlive(session);
  const ticket = await session.enqueue("/election", { label: "latch", data: bytes("ours") }, nearest);
  const listener = etcdctl("elect", "--listen", `${setting.namespace}/election`);
  await eventually(() => expect(listener.lines.join(" ")).toContain("ours"));
  const candidate = etcdctl("elect", `${setting.namespace}/election`, "theirs");
  await eventually(async () => expect(await session.children("/election", linearizable)).toHaveLength(2));
  expect(candidate.lines).toEqual([]);
  await session.leave(ticket);
  await eventually(() => expect(candidate.lines.join(" ")).toContain("theirs"));
  expect(text((await session.entries("/election", 1))[0])).toBe("theirs");
  const again = await session.enqueue("/election", { label: "latch", data: bytes("ours again") }, nearest);
  expect(`${setting.namespace}${again.ahead[0]?.path}`).toBe(candidate.lines[0]);
  expect(again.createRevision).toBeGreaterThan(ticket.createRevision);
  candidate.child.kill("SIGINT");
  await eventually(async () =>
    expect(await session.standing(again, nearest)).toEqual({ present: true, ahead: [] }),
  );
  await eventually(() => expect(listener.lines.join(" ")).toContain("ours again"));
});
