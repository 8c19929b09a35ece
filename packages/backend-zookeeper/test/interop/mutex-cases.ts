import {
  freshPath,
  type InteropSetting,
  type RegisterCase,
  settle,
  until,
} from "@conclave/test-servers/interop";
import { expect } from "vitest";
import { text } from "../support.js";

/** What Curator's locks have that others do not. */
export function mutexCases(register: RegisterCase, setting: InteropSetting): void {
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
}
