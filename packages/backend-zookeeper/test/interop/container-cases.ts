import { connect } from "@conclave/api";
import { zookeeper } from "@conclave/backend-zookeeper";
import { freshPath, type InteropSetUp, type RegisterCase, until } from "@conclave/test-servers/interop";
import { expect } from "vitest";
import { text } from "../support.js";

/** Curator makes parents as containers, which the server deletes some time after their last child. */
export function containerCases(register: RegisterCase, setting: InteropSetUp): void {
  register(
    "containers: the server deletes Curator's empty parents under us, and nobody notices",
    async () => {
      const foreign = setting.foreign();
      const coordinator = await setting.connect();
      const parent = freshPath();
      const path = `${parent}/line`;
      const election = coordinator.election(path);
      const leaders: (string | undefined)[] = [];
      const stopping = new AbortController();
      const observe = async () => {
        for await (const leader of election.observe({ signal: stopping.signal }))
          leaders.push(leader && text(leader.data));
      };
      const observing = observe();
      const tokens: bigint[] = [];
      for (let round = 0; round < 5; round += 1) {
        await foreign.call("campaign", "candidate", setting.namespace + path, `theirs-${round}`);
        await until("it is observed", () => leaders.at(-1) === `theirs-${round}`);
        const container = await coordinator.get(parent, { linearizable: true });
        expect(container).toMatchObject({ path: parent, ephemeralOwner: undefined });
        tokens.push((await election.leader())?.token ?? 0n);
        await foreign.call("resign", "candidate");
        await until(
          "the server has deleted it",
          async () => !(await coordinator.exists(parent, { linearizable: true })),
        );
      }
      expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : 1)));
      expect(new Set(tokens).size).toBe(tokens.length);
      // The same, with us in the container that they made, and with what we make instead.
      const lock = coordinator.lock(path);
      await foreign.call("acquire", "first", setting.namespace + path);
      const waiting = lock.acquire();
      await until("we wait", async () => (await lock.contenders()).length === 2);
      await foreign.call("release", "first");
      await (await waiting).release();
      await until(
        "the server has deleted it",
        async () => !(await coordinator.exists(parent, { linearizable: true })),
      );
      await (await lock.acquire()).release();
      await foreign.call("acquire", "first", setting.namespace + path);
      await foreign.call("release", "first");
      stopping.abort();
      await observing;
    },
  );

  register(
    "containers: a namespace that Curator made is there for us, also after the server has deleted it",
    async () => {
      const namespace = `/made-by-curator${freshPath()}`;
      const foreign = setting.foreign();
      await foreign.call("acquire", "first", `${namespace}/lock`);
      const coordinator = await connect(zookeeper({ hosts: setting.server.url }), { namespace });
      try {
        await foreign.call("release", "first");
        await until(
          "the server has deleted it",
          async () => !(await coordinator.exists("/", { linearizable: true })),
        );
        await coordinator.create("/made", "after all");
        expect(text((await coordinator.get("/made"))?.data)).toBe("after all");
      } finally {
        await coordinator.close();
      }
    },
  );
}
