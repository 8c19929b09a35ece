import { connect } from "@conclave/api";
import { zookeeper } from "@conclave/backend-zookeeper";
import { startZooKeeper } from "@conclave/test-servers";
import {
  compileJava,
  electionCases,
  freshPath,
  interop,
  lockCases,
  settle,
  setUpInterop,
  until,
} from "@conclave/test-servers/interop";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { text } from "./support.js";

const reportFolder = new URL("../../../.conformance/interop", import.meta.url).pathname;
const source = new URL("./interop/CuratorPeer.java", import.meta.url);

interop(
  { runner: { describe, it, afterAll }, store: "zookeeper", program: "curator", reportFolder },
  (register, found) => {
    const setting = setUpInterop({
      start: () =>
        startZooKeeper({
          maxSessionTimeoutMs: 60_000,
          // How soon the server deletes an empty container, of which Curator's parents are made: once a minute is its default.
          jvmArgs: ["-Dznode.container.checkIntervalMs=20"],
        }),
      backend: (hosts) => zookeeper({ hosts }),
      holder: new URL("./fixtures/holder.mjs", import.meta.url),
      namespace: "/interop",
      prepare: async () => {
        const { command, libraries } = found();
        const classes = await compileJava(source, found());
        return (url, sessionTimeoutMs) => ({
          file: command,
          args: [
            ...["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"],
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
            ...["-cp", `${classes}:${libraries}`, "CuratorPeer"],
            ...[url, String(sessionTimeoutMs)],
          ],
        });
      },
    });
    beforeAll(setting.beforeAll);
    afterEach(setting.afterEach);
    afterAll(setting.afterAll);

    lockCases(register, setting);
    electionCases(register, setting);

    register(
      "lock: Curator's mutex is reentrant, and is free for us when it was released as often as acquired",
      async () => {
        const path = freshPath();
        const foreign = setting.foreign();
        const lock = (await setting.connect()).lock(path);
        await foreign.call("acquire", "reentrant", setting.namespace + path);
        await foreign.call("again", "reentrant");
        const waiting = lock.acquire();
        await foreign.call("release", "reentrant");
        expect(await settle(waiting)).toBe("pending");
        await foreign.call("release", "reentrant");
        await (await waiting).release();
      },
    );

    register(
      "lock: either side lists the other among those who stand in line, and gives up waiting without a trace",
      async () => {
        const path = freshPath();
        const foreign = setting.foreign();
        const lock = (await setting.connect()).lock(path);
        const hold = await lock.acquire({ data: "ours" });
        expect(await foreign.call("acquire", "impatient", setting.namespace + path, "100")).toBe("false");
        expect(await foreign.call("participants", "observer", setting.namespace + path)).toBe(
          setting.namespace + hold.path,
        );
        const theirs = foreign.call("acquire", "patient", setting.namespace + path);
        await until("it stands", async () => (await lock.contenders()).length === 2);
        const [own, other] = await lock.contenders();
        expect(text(own?.data)).toBe("ours");
        // By default Curator writes its host's address.
        expect(text(other?.data)).toMatch(/^[0-9a-f.:]+$/);
        await hold.release();
        await theirs;
        expect(await foreign.call("connect", "patient")).toBe(other?.sessionId);
        expect(await lock.tryAcquire()).toBeUndefined();
        await expect(lock.acquire({ timeoutMs: 100 })).rejects.toMatchObject({ code: "TIMEOUT" });
        await until("it is gone", async () => (await lock.contenders()).length === 1);
        await foreign.call("release", "patient");
      },
    );

    register("lock: Curator's LeaderSelector stands in a lock's line, with its id as data", async () => {
      const path = freshPath();
      const foreign = setting.foreign();
      const lock = (await setting.connect()).lock(path);
      const hold = await lock.acquire();
      const selected = foreign.call("select", "selector", setting.namespace + path, "selector-1");
      await until("it stands", async () => (await lock.contenders()).length === 2);
      expect(await settle(selected)).toBe("pending");
      await hold.release();
      await selected;
      expect((await lock.contenders()).map(({ data }) => text(data))).toEqual(["selector-1"]);
      const waiting = lock.acquire();
      expect(await settle(waiting)).toBe("pending");
      await foreign.call("unselect", "selector");
      await (await waiting).release();
    });

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

    register(
      "discovery: Curator's queries and caches read our instances, whatever their metadata",
      async () => {
        const foreign = setting.foreign();
        const coordinator = await setting.connect();
        const path = freshPath();
        const base = setting.namespace + path;
        const directory = coordinator.discovery(path);
        const metadata = [
          { zone: "a", weights: [1, { deep: null }] },
          ["a", ["b"]],
          "text",
          7,
          true,
          null,
          undefined,
        ];
        const registrations = await Promise.all(
          metadata.map((one, at) => directory.register({ ...place, id: `id-${at}`, metadata: one })),
        );
        const shown = metadata.map((one, at) => ours(`id-${at}`, one ?? null));
        expect(inOrder(await foreign.call("instances", "reader", base, "web", "java.lang.Object"))).toEqual(
          shown,
        );
        expect(await foreign.call("services", "reader", base)).toBe("web");

        await foreign.call("cache", "reader", base, "web");
        expect(inOrder(await foreign.call("cached", "reader"))).toEqual(shown);
        await registrations[0]?.update({ metadata: "changed" });
        const [, ...others] = shown;
        await until("the cache has it", async () =>
          (await foreign.call("cached", "reader")).includes("changed"),
        );
        expect(inOrder(await foreign.call("cached", "reader"))).toEqual([ours("id-0", "changed"), ...others]);
        await Promise.all(registrations.map((registration) => registration.unregister()));
        await until("the cache is empty", async () => (await foreign.call("cached", "reader")) === "[]");
      },
    );

    register(
      "discovery: Curator takes our metadata for its payload class: objects for Map, none for Void",
      async () => {
        const foreign = setting.foreign();
        const path = freshPath();
        const base = setting.namespace + path;
        const directory = (await setting.connect()).discovery(path);
        await directory.register({ ...place, name: "with", id: "id", metadata: { zone: "a" } });
        await directory.register({ ...place, name: "without", id: "id" });
        const read = async (service: string, payload: string) =>
          inOrder(await foreign.call("instances", "reader", base, service, payload)).length;
        expect(await read("with", "java.util.Map")).toBe(1);
        expect(await read("without", "java.util.Map")).toBe(1);
        expect(await read("without", "java.lang.Void")).toBe(1);
        await expect(read("with", "java.lang.Void")).rejects.toThrow(/ClassCastException/);
      },
    );

    register(
      "discovery: our view follows Curator's instances, and sees them go when their program is killed",
      async () => {
        const foreign = setting.mortalForeign();
        const path = freshPath();
        const base = setting.namespace + path;
        const view = await (await setting.connect()).discovery(path).view("web");
        expect(view.instances).toEqual([]);
        const theirs = (id: string, metadata: unknown) => ({ ...place, id, metadata });
        const shown = async (...expected: readonly unknown[]) => {
          await until("the view shows it", () => view.instances.length === expected.length);
          expect([...view.instances].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(expected);
        };
        const add = (id: string, payload: string) =>
          foreign.call("register", id, base, "web", id, place.address, String(place.port), payload);
        await add("a", `{"zone":"a"}`);
        const a = theirs("a", { "@class": "java.util.LinkedHashMap", zone: "a" });
        await shown(a);
        await add("b", `["x",["y"]]`);
        await shown(a, theirs("b", ["x", ["y"]]));
        await add("c", `"text"`);
        await add("d", "null");
        await shown(a, theirs("b", ["x", ["y"]]), theirs("c", "text"), theirs("d", null));
        await foreign.call("unregister", "b");
        await shown(a, theirs("c", "text"), theirs("d", null));
        await foreign.kill();
        await shown();
      },
    );
  },
);

const place = { name: "web", address: "10.0.0.7", port: 8080 };

/** One of our instances as `CuratorPeer` shows what Curator read. */
function ours(id: string, payload: unknown): readonly unknown[] {
  return [place.name, id, place.address, place.port, payload, "DYNAMIC", true];
}

function inOrder(shown: string): readonly unknown[] {
  return (JSON.parse(shown) as readonly [string, string][]).toSorted(([, a], [, b]) => (a < b ? -1 : 1));
}
