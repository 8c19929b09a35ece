import { connect } from "@conclave/api";
import { zookeeper } from "@conclave/backend-zookeeper";
import type { ZooKeeperEnsemble } from "@conclave/test-servers";
import { expect, onTestFinished, test } from "vitest";
import { Opcode, startFrameProxy } from "../frame-proxy.js";
import { eventually, QUORUM_WITHIN_MS, statesOf } from "./support.js";

const sessionTimeoutMs = 2_000;

/** What keeps a session alive where another server than its own decides. */
export function renewalCases(ensemble: () => ZooKeeperEnsemble): void {
  test("SES-2 an idle session costs one sync in each quarter of its timeout, and nothing else", {
    timeout: QUORUM_WITHIN_MS,
  }, async () => {
    const [follower] = await ensemble().followers();
    const proxy = await startFrameProxy(follower?.url ?? "");
    onTestFinished(() => proxy.close());
    const coordinator = await connect(zookeeper({ hosts: proxy.url }), {
      namespace: "/renewals",
      sessionTimeoutMs,
    });
    onTestFinished(() => coordinator.close());
    const states = statesOf(await coordinator.session());
    const passed: { readonly opcode: number | undefined; readonly atMs: number }[] = [];
    proxy.onRequest = ({ opcode }) => {
      passed.push({ opcode, atMs: performance.now() });
      return "forward";
    };
    await eventually(() => expect(passed.length).toBeGreaterThanOrEqual(6));
    expect(new Set(passed.map(({ opcode }) => opcode))).toEqual(new Set([Opcode.sync]));
    const [first] = passed;
    const last = passed.at(-1);
    const tookMs = (last?.atMs ?? 0) - (first?.atMs ?? 0);
    // But for the last one: the first may have been late on its way.
    expect(tookMs).toBeGreaterThan((passed.length - 2) * (sessionTimeoutMs / 4));
    expect(states).toEqual(["connected"]);
  });
}
