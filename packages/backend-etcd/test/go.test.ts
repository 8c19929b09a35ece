import { etcd } from "@conclave/backend-etcd";
import { startEtcd } from "@conclave/test-servers";
import {
  compileGo,
  electionCases,
  freshPath,
  interop,
  lockCases,
  settle,
  setUpInterop,
  until,
} from "@conclave/test-servers/interop";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

const reportFolder = new URL("../../../.conformance/interop", import.meta.url).pathname;
const source = new URL("./interop/main.go", import.meta.url);

interop(
  { runner: { describe, it, afterAll }, store: "etcd", program: "go-etcd", reportFolder },
  (register, found) => {
    const setting = setUpInterop({
      start: () => startEtcd(),
      backend: (hosts) => etcd({ hosts }),
      holder: new URL("./fixtures/holder.mjs", import.meta.url),
      namespace: "/interop",
      prepare: async () => {
        const file = await compileGo(source, found());
        return (url, sessionTimeoutMs) => ({ file, args: [url, String(sessionTimeoutMs / 1_000)] });
      },
    });
    // Compiling etcd's client for the first time on a machine takes its time.
    beforeAll(setting.beforeAll, 300_000);
    afterEach(setting.afterEach);
    afterAll(setting.afterAll);

    lockCases(register, setting);
    electionCases(register, setting);

    register(
      "election: what their leader proclaims reaches our observers, and what we lead with theirs",
      async () => {
        const path = freshPath();
        const foreign = setting.foreign();
        const coordinator = await setting.connect();
        const election = coordinator.election(path);
        const seen: { readonly name: string | undefined; readonly token: bigint | undefined }[] = [];
        const stopping = new AbortController();
        const observe = async () => {
          for await (const leader of election.observe({ signal: stopping.signal })) {
            seen.push({ name: leader && text(leader.data), token: leader?.token });
          }
        };
        const observing = observe();
        const ourEyes = (name: string) => until(`we see ${name}`, () => seen.at(-1)?.name === name);
        const theirEyes = (name: string) =>
          until(`they see ${name}`, () => foreign.events("eyes").at(-1) === name);

        await foreign.call("observe", "eyes", setting.namespace + path);
        await foreign.call("campaign", "speaker", setting.namespace + path, "first");
        await ourEyes("first");
        await theirEyes("first");
        const token = seen.at(-1)?.token;
        await foreign.call("proclaim", "speaker", "second");
        await ourEyes("second");
        await theirEyes("second");
        // The same leadership: it speaks again, and is no other leader.
        expect(seen.at(-1)?.token).toBe(token);
        expect((await election.leader())?.token).toBe(token);

        const ours = election.campaign({ data: "ours" });
        await until("we stand", async () => (await coordinator.lock(path).contenders()).length === 2);
        await foreign.call("proclaim", "speaker", "third");
        await ourEyes("third");
        expect(await settle(ours)).toBe("pending");
        await foreign.call("resign", "speaker");
        const leadership = await ours;
        await ourEyes("ours");
        await theirEyes("ours");
        // What Go's own Proclaim does, done to ours: the candidate is the same.
        await coordinator.set(leadership.path, "ours again");
        await theirEyes("ours again");
        expect(leadership.isHeld).toBe(true);
        await leadership.resign();
        stopping.abort();
        await observing;
      },
    );

    register(
      "lock: a Go session's second mutex is its first one, and ours is a place of its own",
      async () => {
        const path = freshPath();
        const foreign = setting.foreign();
        const lock = (await setting.connect()).lock(path);
        const key = await foreign.call("acquire", "twice", setting.namespace + path);
        expect(await foreign.call("acquire", "twice", setting.namespace + path)).toBe(key);
        expect(key).toBe(`${setting.namespace}${path}/${await foreign.call("connect", "twice")}`);
        const waiting = lock.acquire();
        await until("we wait", async () => (await lock.contenders()).length === 2);
        const [theirs, ours] = await lock.contenders();
        expect(`${setting.namespace}${theirs?.path}`).toBe(key);
        expect(theirs?.sessionId).toBe(await foreign.call("connect", "twice"));
        await foreign.call("release", "twice");
        const hold = await waiting;
        expect(hold.path).toBe(ours?.path);
        await hold.release();
      },
    );

    register(
      "lock: a key without a lease holds it for them until it is deleted, and for us is no entry",
      async () => {
        const path = freshPath();
        const foreign = setting.foreign();
        const coordinator = await setting.connect();
        const lock = coordinator.lock(path);
        await coordinator.create(`${path}/note`, "out of order", { parents: true });
        const theirs = foreign.call("acquire", "behind", setting.namespace + path);
        await until("they stand", async () => (await lock.contenders()).length === 1);
        const ours = lock.acquire();
        await until("we stand", async () => (await lock.contenders()).length === 2);
        expect(await settle(Promise.race([ours, theirs]))).toBe("pending");
        await coordinator.delete(`${path}/note`);
        await theirs;
        expect(await settle(ours)).toBe("pending");
        await foreign.call("release", "behind");
        const hold = await ours;
        await hold.release();
      },
    );
  },
);

function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}
