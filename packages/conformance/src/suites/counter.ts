import assert from "node:assert/strict";
import { rejects } from "../expect.js";
import type { KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { follow, loseSession, pair, range, soonMs, steady, text } from "./support.js";

const path = "/counters/c";

export const counter = suite("counter", (test) => {
  test(
    "CNT-1",
    "no addition of many is lost, and each gives a sum of its own",
    { timeouts: 30 },
    async (kit) => {
      const clients = await Promise.all(range(4).map(() => kit.client(steady(kit))));
      const [adders, each] = [12, 3];
      const add = async (index: number) => {
        const { coordinator } = clients[index % clients.length] as KitClient;
        const sums: bigint[] = [];
        for (const _ of range(each)) sums.push(await coordinator.counter(path).increment());
        assert.deepEqual(
          sums,
          sums.toSorted((a, b) => (a < b ? -1 : 1)),
          "they grow for each who adds",
        );
        return sums;
      };
      const sums = (await Promise.all(range(adders).map(add))).flat().map(Number);
      assert.deepEqual(
        sums.sort((a, b) => a - b),
        range(adders * each).map((index) => index + 1),
      );
      assert.equal(
        await clients[0]?.coordinator.counter(path).get({ linearizable: true }),
        BigInt(adders * each),
      );
    },
  );

  test("CNT-1", "what is added may be negative, and larger than a number can say", async (kit) => {
    const [{ coordinator }] = await pair(kit);
    const large = 2n ** 100n;
    assert.equal(await coordinator.counter(path).add(large), large);
    assert.equal(await coordinator.counter(path).add(-large - 1n), -1n);
    assert.equal(await coordinator.counter(path).add(0n), -1n);
    assert.equal(text(await coordinator.get(path)), "-1");
  });

  test("CNT-2", "a counter that is missing is 0, and is made by its first write", async (kit) => {
    const [{ coordinator }] = await pair(kit);
    assert.equal(await coordinator.counter(path).get(), 0n);
    assert.equal(await coordinator.counter(path).compareAndSet(1n, 2n), false);
    assert.equal(await coordinator.exists(path, { linearizable: true }), false, "asking made nothing");
    assert.equal(await coordinator.counter(path).increment(), 1n);
    await coordinator.counter("/counters/set").set(-5n);
    assert.equal(await coordinator.counter("/counters/set").get({ linearizable: true }), -5n);
    assert.equal(await coordinator.counter("/counters/cas").compareAndSet(0n, 9n), true);
    assert.equal(await coordinator.counter("/counters/cas").get({ linearizable: true }), 9n);
  });

  test("CNT-3", "compareAndSet sets at the expected value only, for one of many", async (kit) => {
    const [a, b] = await pair(kit);
    await a.coordinator.counter(path).set(3n);
    assert.equal(await b.coordinator.counter(path).compareAndSet(2n, 9n), false);
    const attempts = [a, b, a, b].map(({ coordinator }, index) =>
      coordinator.counter(path).compareAndSet(3n, 10n + BigInt(index)),
    );
    const set = await Promise.all(attempts);
    assert.equal(set.filter(Boolean).length, 1);
    assert.equal(
      await a.coordinator.counter(path).get({ linearizable: true }),
      10n + BigInt(set.indexOf(true)),
    );
  });

  test(
    "CNT-4",
    "a write whose reply was lost is unknown, and was made once",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = await pair(kit);
      await a.coordinator.counter(path).set(1n);
      // Of an addition the first reply is that of its read, which is repeated: a set has only one.
      await a.link.dropNextReply();
      await rejects(
        kit.within("it ends", soonMs(kit), a.coordinator.counter(path).set(2n)),
        "CONNECTION_LOST",
        "unknown",
      );
      assert.equal((await b.coordinator.get(path, { linearizable: true }))?.version, 1);
      await a.link.dropNextReply();
      assert.equal(await kit.within("it adds", soonMs(kit), a.coordinator.counter(path).add(5n)), 7n);
      assert.equal(await b.coordinator.counter(path).get({ linearizable: true }), 7n);
    },
  );

  test(
    "CNT-4",
    "an addition in a session that is lost rejects, and is not made in the next",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(), await kit.client(steady(kit))];
      await a.coordinator.counter(path).set(1n);
      await a.link.refuse();
      const lost = rejects(a.coordinator.counter(path).increment(), "SESSION_LOST");
      await kit.within("it ends", soonMs(kit), lost);
      await a.link.heal();
      assert.equal(await kit.within("the next", soonMs(kit), a.coordinator.counter(path).increment()), 2n);
      assert.equal(await b.coordinator.counter(path).get({ linearizable: true }), 2n);
    },
  );

  test("CNT-5", "what is no number is an error that names the place and what is there", async (kit) => {
    const [{ coordinator }] = await pair(kit);
    await coordinator.create("/counters");
    const wrong = [
      "",
      " 1",
      "1.5",
      "0x10",
      "1e3",
      "one",
      "-",
      "--1",
      "1\n",
      "9".repeat(1_001),
      "x".repeat(100_000),
    ];
    for (const [index, data] of wrong.entries()) {
      const at = `/counters/${index}`;
      await coordinator.create(at, data);
      const broken = coordinator.counter(at);
      for (const call of [() => broken.get(), () => broken.increment(), () => broken.compareAndSet(0n, 1n)]) {
        const error = await rejects(call(), "INVALID_DATA", "not-applied");
        assert.equal(error.path, at);
        assert.ok(error.message.includes(JSON.stringify(at)) && error.message.length < 300, error.message);
      }
      assert.equal(text(await coordinator.get(at, { linearizable: true })), data, "it was left as it is");
    }
    const shown = await rejects(coordinator.counter("/counters/5").get(), "INVALID_DATA");
    assert.match(shown.message, /"one"/);
    await coordinator.counter("/counters/5").set(1n);
    assert.equal(await coordinator.counter("/counters/5").increment(), 2n);
  });

  test("CNT-5", "what is no bigint is refused before any I/O", async (kit) => {
    const [client] = await pair(kit);
    const wrong: readonly unknown[] = [1, "1", undefined, null, 10n ** 1_000n];
    for (const value of wrong) {
      const broken = client.coordinator.counter(path);
      for (const call of [
        broken.add(value as bigint),
        broken.set(value as bigint),
        broken.compareAndSet(value as bigint, 1n),
        broken.compareAndSet(0n, value as bigint),
      ]) {
        await rejects(call, "INVALID_ARGUMENT", "not-applied");
      }
    }
    assert.equal(await client.coordinator.exists(path, { linearizable: true }), false);
  });

  test("CNT-6", "a watch yields the value now and later ones, in order, to the last", async (kit) => {
    const [a, b] = await pair(kit);
    const seen = follow(kit, b.coordinator.counter(path).watch());
    await kit.until("the first value", soonMs(kit), () => seen.values.length > 0);
    for (const _ of range(10)) await a.coordinator.counter(path).increment();
    await kit.until("the last value", soonMs(kit), () => seen.last === 10n);
    assert.equal(seen.values[0], 0n);
    assert.deepEqual(
      seen.values,
      seen.values.toSorted((x, y) => (x < y ? -1 : 1)),
    );
    await a.coordinator.set(path, "ten");
    const { error } = await kit.within("it ends", soonMs(kit), seen.ended);
    assert.equal((error as { code?: string }).code, "INVALID_DATA");
  });

  test("CNT-6", "a watch goes on in the next session", { needs: ["link"], timeouts: 20 }, async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client()];
    const seen = follow(kit, b.coordinator.counter(path).watch());
    await kit.until("the first value", soonMs(kit), () => seen.values.length > 0);
    await loseSession(kit, b);
    await kit.within("the next session", soonMs(kit), b.coordinator.session());
    const again = follow(kit, b.coordinator.watch("/"));
    await kit.until("a watch of that session", soonMs(kit), () => again.values.length > 0);
    await a.coordinator.counter(path).add(4n);
    await kit.until("the value", soonMs(kit), () => seen.last === 4n);
    assert.deepEqual(seen.values, [0n, 4n], "a new session is no change");
    const giveUp = new AbortController();
    const other = follow(kit, b.coordinator.counter(path).watch({ signal: giveUp.signal }));
    await kit.until("the value", soonMs(kit), () => other.last === 4n);
    giveUp.abort();
    assert.deepEqual(await kit.within("it ends", soonMs(kit), other.ended), { error: undefined });
  });
});
