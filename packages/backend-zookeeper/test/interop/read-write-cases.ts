import {
  freshPath,
  type InteropSetting,
  type RegisterCase,
  SHORT_SESSION_MS,
  settle,
  until,
} from "@conclave/test-servers/interop";
import { expect } from "vitest";

/** Curator's `InterProcessReadWriteLock` and ours are one lock. */
export function readWriteCases(register: RegisterCase, setting: InteropSetting): void {
  const open = async () => {
    const path = freshPath();
    const lock = (await setting.connect()).readWriteLock(path);
    const standing = (count: number) =>
      until(`${count} stand in line`, async () => (await lock.contenders()).length === count);
    return { lock, standing, theirs: setting.namespace + path };
  };

  register(
    "read-write lock: their readers and ours hold together, and exclude writers of either side",
    async () => {
      const { lock, standing, theirs } = await open();
      const foreign = setting.foreign();
      const reading = await lock.read.acquire();
      await foreign.call("read-acquire", "rw-reader", theirs);
      expect((await lock.contenders()).map(({ mode }) => mode)).toEqual(["read", "read"]);
      expect(await foreign.call("write-acquire", "rw-writer", theirs, "100")).toBe("false");
      expect(await lock.write.tryAcquire()).toBeUndefined();
      const writing = lock.write.acquire();
      await standing(3);
      await reading.release();
      expect(await settle(writing)).toBe("pending");
      await foreign.call("release", "rw-reader");
      const hold = await writing;
      expect(await foreign.call("read-acquire", "rw-reader", theirs, "100")).toBe("false");
      expect(await foreign.call("write-acquire", "rw-writer", theirs, "100")).toBe("false");
      await hold.release();
      expect(await lock.contenders()).toEqual([]);
    },
  );

  register(
    "read-write lock: our readers wait for their writer, and theirs for ours, in the order of arrival",
    async () => {
      const { lock, standing, theirs } = await open();
      const foreign = setting.foreign();
      await foreign.call("write-acquire", "rw-first", theirs);
      const second = lock.read.acquire();
      await standing(2);
      const third = lock.write.acquire();
      await standing(3);
      const fourth = foreign.call("read-acquire", "rw-fourth", theirs);
      await standing(4);
      expect((await lock.contenders()).map(({ mode }) => mode)).toEqual(["write", "read", "write", "read"]);
      expect(await settle(Promise.race([second, third, fourth]))).toBe("pending");
      await foreign.call("release", "rw-first");
      const reading = await second;
      expect(await settle(Promise.race([third, fourth]))).toBe("pending");
      await reading.release();
      const writing = await third;
      expect(await settle(fourth)).toBe("pending");
      await writing.release();
      await fourth;
      await foreign.call("release", "rw-fourth");
    },
  );

  register(
    "read-write lock: of their writer, killed while it holds, passes to our readers when its session is over",
    async () => {
      const { lock, standing, theirs } = await open();
      const foreign = setting.mortalForeign();
      await foreign.call("write-acquire", "rw-dies", theirs);
      const readers = [lock.read.acquire(), lock.read.acquire()];
      await standing(3);
      expect(await settle(Promise.race(readers))).toBe("pending");
      await foreign.kill();
      for (const hold of await Promise.all(readers)) await hold.release();
    },
    60_000 + SHORT_SESSION_MS,
  );
}
