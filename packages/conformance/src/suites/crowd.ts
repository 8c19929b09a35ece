import assert from "node:assert/strict";
import type { KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { childrenAre, range, soonMs, steady } from "./support.js";

const sessions = 50;
const waitersEach = 20;
const path = "/l";

export const crowd = suite("crowd", (test) => {
  test(
    "LEAD-5",
    "1,000 who wait for one lock in 50 sessions hold one at a time, in the order in which they came",
    { timeouts: 120, alone: true },
    async (kit) => {
      const options = { sessionTimeoutMs: 3 * (steady(kit).sessionTimeoutMs ?? 0) };
      const clients = await Promise.all(range(sessions).map(() => kit.client(options)));
      const [first] = clients as [KitClient];
      const blocking = await first.coordinator.lock(path).acquire();
      const tokens: bigint[] = [];
      let holders = 0;
      const waits = clients.flatMap(({ coordinator }) =>
        range(waitersEach).map(() =>
          coordinator.lock(path).withLock(async (hold) => {
            holders += 1;
            assert.equal(holders, 1);
            tokens.push(hold.token);
            await coordinator.get("/");
            holders -= 1;
          }),
        ),
      );
      const all = Promise.all(waits);
      all.catch(() => {});
      await childrenAre(kit, first, path, 1 + sessions * waitersEach);
      const contenders = await first.coordinator.lock(path).contenders();
      await blocking.release();
      await kit.within("everybody's turn", 60 * soonMs(kit), all);
      assert.deepEqual(
        tokens,
        contenders.slice(1).map(({ token }) => token),
      );
      await childrenAre(kit, first, path, 0);
    },
  );
});
