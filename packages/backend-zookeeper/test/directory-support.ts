import type { BackendSession, Child, ChildNode } from "@conclave/api/backend";
import { fourLetterWord, startProxy, type TestServer } from "@conclave/test-servers";
import { onTestFinished, vi } from "vitest";
import { type FrameProxy, Opcode, startFrameProxy } from "./frame-proxy.js";
import { create, type Opened, openSession, text } from "./support.js";

/* For tests of directories, which the TypeScript driver follows by persistent recursive watches. */

/** A session with the TypeScript driver. */
export function open(hosts: string, options: { readonly sessionTimeoutMs?: number } = {}): Promise<Opened> {
  return openSession(hosts, { ...options, driver: "typescript" });
}

export async function make(session: BackendSession, ...paths: string[]): Promise<void> {
  await Promise.all(paths.map((path) => session.commit([create(path, { parents: true })], undefined)));
}

export interface Counted extends Opened {
  readonly proxy: FrameProxy;
  /** All frames so far but those of pings: what was asked, and `event`. */
  readonly seen: readonly string[];
  /** Those since the last call. */
  frames(): readonly string[];
}

/** A session of which frames are counted, as long as the proxy's handlers are not replaced. */
export async function counted(server: TestServer): Promise<Counted> {
  const proxy = await startFrameProxy(server.url);
  onTestFinished(() => proxy.close());
  const opened = await open(proxy.url);
  const seen: string[] = [];
  const names = new Map<number | undefined, string>(
    Object.entries(Opcode).map(([name, code]) => [code, name]),
  );
  proxy.onRequest = ({ opcode }) => {
    if (opcode !== Opcode.ping) seen.push(names.get(opcode) ?? `${opcode}`);
    return "forward";
  };
  proxy.onReply = ({ bytes }) => {
    if (bytes.readInt32BE(4) === NOTIFICATION) seen.push("event");
    return "forward";
  };
  return { ...opened, proxy, seen, frames: () => seen.splice(0) };
}

const NOTIFICATION = -1;

/** A proxy that can cut and refuse connections, until the end of the test. */
export async function proxied(server: TestServer) {
  const proxy = await startProxy({ target: server });
  onTestFinished(() => proxy.close());
  return proxy;
}

/** How many watches the server has in its table of data watches, in which persistent ones are, too; of all sessions. */
export async function watchedPaths(server: TestServer): Promise<number> {
  const answer = await fourLetterWord(server.host, server.port, "wchs", 2_000);
  return Number(/Total watches:([0-9]+)/.exec(answer)?.[1]);
}

/** With room for a machine that has other things to do. */
export function until(condition: () => unknown): Promise<unknown> {
  return vi.waitUntil(condition, { timeout: 15_000, interval: 5 });
}

/** Something that a test waits for, and lets go on. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

export function named(view: ReadonlyMap<string, Child> | undefined): string | undefined {
  return view && [...view.keys()].sort().join();
}

export function told(view: ReadonlyMap<string, ChildNode> | undefined): string | undefined {
  if (view === undefined) return undefined;
  const entries = [...view.values()].map(({ name, node }) => `${name}=${text(node.data)}`);
  return entries.sort().join();
}
