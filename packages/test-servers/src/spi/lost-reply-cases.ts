import type { BackendSession, OperationResult } from "@conclave/api/backend";
import { describe, expect, test } from "vitest";
import { bytes, check, create, linearizable, nearest, remove, set } from "./operations.js";
import { errorOf, eventually } from "./outcomes.js";
import type { Opened, Setting } from "./set-up.js";

export interface LostReplySetting {
  readonly sessions: Pick<Setting<string, never>, "open" | "proxy">;
  /** As which the store names the entries of a lock: not at all, where those of other clients have no label. */
  readonly label: "lock" | undefined;
  /** Resolves when the reply to the next request through the proxy that writes at a path which begins so was lost. */
  loseReply(path: string): Promise<unknown>;
  expireSession(id: string): Promise<void>;
}

/**
 * How lost replies are resolved by a store that keeps a receipt of what it has done for a session: there is an answer to be had, and
 * "unknown" is none. (What every store owes is in the conformance suite, under OUT-1 and OUT-3.)
 */
export function lostReplyCases(setting: LostReplySetting): void {
  const { sessions } = setting;

  /** A session through the proxy, which will lose the reply. */
  const losing = async (path: string): Promise<Opened & { lost: Promise<unknown> }> => {
    const opened = await sessions.open({ through: "proxy" });
    // With this reply, what a session sends at its beginning is over.
    await opened.session.renew(5_000);
    return { ...opened, lost: setting.loseReply(path) };
  };

  describe("a lost reply", () => {
    test("OUT-3 to a sequential create: one node, and its sequence", async () => {
      const { session: other } = await sessions.open();
      await other.commit([create("/q")], undefined);
      const { session, facts, lost } = await losing("/q/");
      const result = only(await session.commit([create("/q/job-", { sequential: true })], undefined));
      await lost;
      expect(facts.disconnections).toHaveLength(1);
      const children = await other.children("/q", linearizable);
      if (result.type !== "create") throw new Error(result.type);
      expect(children).toEqual([{ name: result.path.slice("/q/".length), sequence: result.sequence }]);
    });

    test("OUT-3 to a sequential create whose node others have taken since: not made again", async () => {
      const { session: other } = await sessions.open();
      await other.commit([create("/q")], undefined);
      const { session, lost } = await losing("/q/");
      const creating = session.commit([create("/q/job-", { sequential: true })], undefined);
      await lost;
      await sessions.proxy.refuse();
      const [name] = await names(other, "/q");
      expect(name).toBeDefined();
      await other.commit([remove(`/q/${name}`)], undefined);
      await sessions.proxy.accept();
      expect(only(await creating)).toMatchObject({ path: `/q/${name}` });
      expect(await names(other, "/q")).toEqual([]);
    });

    test("OUT-3 to an ephemeral create: done, and not NODE_EXISTS", async () => {
      const { session, lost } = await losing("/e");
      expect(only(await session.commit([create("/e", { ephemeral: true })], undefined))).toMatchObject({
        path: "/e",
      });
      await lost;
      expect(await session.get("/e", linearizable)).toMatchObject({ ephemeralOwner: session.id, version: 0 });
    });

    test("OUT-3 to one of two ephemeral creates of one path: one is done, one is refused", async () => {
      const { session, lost } = await losing("/e");
      const outcomes = await Promise.allSettled([
        session.commit([create("/e", { ephemeral: true })], undefined),
        session.commit([create("/e", { ephemeral: true })], undefined),
      ]);
      await lost;
      expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      const rejected = outcomes.find((outcome) => outcome.status === "rejected");
      expect(rejected?.reason).toMatchObject({ code: "NODE_EXISTS", outcome: "not-applied" });
    });

    test("OUT-3 to a refused ephemeral create: refused", async () => {
      const { session: other } = await sessions.open();
      await other.commit([create("/e")], undefined);
      const { session, lost } = await losing("/e");
      const error = await errorOf(session.commit([create("/e", { ephemeral: true })], undefined));
      await lost;
      expect(error).toMatchObject({ code: "NODE_EXISTS", outcome: "not-applied" });
    });

    test("OUT-3 to a refused ephemeral create, twice: refused, and nothing is made", async () => {
      const { session: other } = await sessions.open();
      await other.commit([create("/e")], undefined);
      const { session, lost } = await losing("/e");
      const failing = errorOf(session.commit([create("/e", { ephemeral: true })], undefined));
      await lost;
      const lostAgain = setting.loseReply("/e");
      expect(await failing).toMatchObject({ code: "NODE_EXISTS", outcome: "not-applied" });
      await lostAgain;
      const node = await other.get("/e", linearizable);
      expect(node).toMatchObject({ ephemeralOwner: undefined, version: 0 });
    });

    test("OUT-3 to a transaction with an unconditional set and a sequential create: done once, with its versions", async () => {
      const { session: other } = await sessions.open();
      await other.commit([create("/q"), create("/n")], undefined);
      const { session, lost } = await losing("/q/");
      const operations = [set("/n", "x"), create("/q/", { sequential: true, ephemeral: true })];
      const results = await session.commit(operations, undefined);
      await lost;
      const node = await other.get("/n", linearizable);
      expect(node).toMatchObject({ version: 1 });
      expect(results).toMatchObject([{ version: 1, modRevision: node?.modRevision }, {}]);
      expect(await names(other, "/q")).toEqual([Object(results[1]).path.slice("/q/".length)]);
    });

    test("OUT-3 to a transaction with a sequential create: all of its results", async () => {
      const { session: other } = await sessions.open();
      await other.commit([create("/q"), create("/n")], undefined);
      const { session, lost } = await losing("/q/");
      const results = await session.commit(
        [check("/n"), create("/q/", { sequential: true }), set("/n", "x", 0)],
        undefined,
      );
      await lost;
      const node = await other.get("/n", linearizable);
      expect(node).toMatchObject({ version: 1 });
      expect(results).toMatchObject([{}, {}, { version: 1, modRevision: node?.modRevision }]);
      expect(await names(other, "/q")).toHaveLength(1);
    });

    test("OUT-3 to a create with parents that are missing", async () => {
      const { session, lost } = await losing("/a/b/");
      const create1 = create("/a/b/", { sequential: true, parents: true });
      const result = only(await session.commit([create1], undefined));
      await lost;
      expect(await names(session, "/a/b")).toEqual([Object(result).path.slice("/a/b/".length)]);
    });

    test("OUT-3 to enqueue: one entry, and who is ahead", async () => {
      const { session: other } = await sessions.open();
      const ahead = await other.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
      const { session, lost } = await losing("/line/");
      const ticket = await session.enqueue("/line", { label: "lock", data: bytes("mine") }, nearest);
      await lost;
      expect(ticket.ahead).toEqual([{ path: ahead.path, label: setting.label }]);
      expect(await names(other, "/line")).toHaveLength(2);
      expect(await session.standing(ticket, nearest)).toEqual({ present: true, ahead: ticket.ahead });
    });

    test("OUT-3 when the session ends before contact is back: over, and unknown", async () => {
      const { session: other } = await sessions.open();
      await other.commit([create("/q")], undefined);
      const { session, lost } = await losing("/q/");
      const failing = errorOf(session.commit([create("/q/", { sequential: true })], undefined));
      await lost;
      await sessions.proxy.refuse();
      await setting.expireSession(session.id);
      await sessions.proxy.accept();
      expect(await failing).toMatchObject({ code: "SESSION_LOST", outcome: "unknown" });
      expect(await names(other, "/q")).toHaveLength(1);
    });

    test("OUT-3 when the session is given up before contact is back: unknown", async () => {
      const { session, lost } = await losing("/e");
      const failing = errorOf(session.commit([create("/e", { ephemeral: true })], undefined));
      await lost;
      await sessions.proxy.refuse();
      session.abandon();
      expect(await failing).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
    });

    test.each([
      ["create", create("/n")],
      ["set", set("/p", "x")],
      ["delete", remove("/p")],
    ])("OUT-1 to a plain %s: unknown, and not sent again", async (_name, operation) => {
      const { session: other } = await sessions.open();
      await other.commit([create("/p")], undefined);
      const { session, facts, lost } = await losing(operation.path);
      const error = await errorOf(session.commit([operation], undefined));
      await lost;
      expect(error).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
      await session.renew(5_000);
      await eventually(() => expect(facts.disconnections).toHaveLength(1));
      const node = await other.get(operation.path, linearizable);
      expect(node?.version).toBe({ create: 0, set: 1, delete: undefined }[operation.type]);
    });
  });
}

function only(results: readonly OperationResult[]): OperationResult {
  const [result] = results;
  if (result === undefined || results.length !== 1) throw new Error(`${results.length} results`);
  return result;
}

async function names(session: BackendSession, path: string): Promise<string[]> {
  return (await session.children(path, linearizable))?.map(({ name }) => name) ?? [];
}
