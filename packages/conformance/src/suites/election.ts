import assert from "node:assert/strict";
import { ConclaveError, type Leadership } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { childrenAre, follow, range, soonMs, steady, text } from "./support.js";

const path = "/e";

/** Has `clients` join the line one after another; each campaign comes with the path of its entry. */
async function joinInTurn(
  kit: Kit,
  clients: readonly KitClient[],
): Promise<{ readonly campaign: Promise<Leadership>; readonly entry: string }[]> {
  const joined: { campaign: Promise<Leadership>; entry: string }[] = [];
  let before: readonly string[] = [];
  for (const client of clients) {
    const campaign = client.coordinator.election(path).campaign();
    campaign.catch(() => {});
    const names = await childrenAre(kit, client, path, before.length + 1);
    joined.push({ campaign, entry: `${path}/${names.find((name) => !before.includes(name))}` });
    before = names;
  }
  return joined;
}

export const election = suite("election", (test) => {
  test("LEAD-1", "one leads, the others wait", async (kit) => {
    const clients = await Promise.all(range(3).map(() => kit.client(steady(kit))));
    let leading: Leadership | undefined;
    let won = 0;
    const campaigns = clients.map(async ({ coordinator }) => {
      const leadership = await coordinator.election(path).campaign();
      assert.ok(!leading?.isHeld, "two lead at once");
      leading = leadership;
      won += 1;
      return leadership;
    });
    for (const turn of range(3)) {
      await kit.until("somebody leads", soonMs(kit), () => won === turn + 1);
      // Nobody else may come to lead while this one does.
      await kit.sleep(kit.target.sessionTimeoutMs / 4);
      assert.equal(won, turn + 1);
      const present = leading;
      assert.ok(present?.isHeld);
      await present?.resign();
      assert.equal(present?.isHeld, false);
    }
    await Promise.all(campaigns);
  });

  test("LEAD-1", "of candidates in one session too only one leads", async (kit) => {
    const { coordinator } = await kit.client(steady(kit));
    const election = coordinator.election(path);
    const tokens: bigint[] = [];
    let leading = 0;
    await Promise.all(
      range(5).map(async () => {
        const leadership = await election.campaign();
        leading += 1;
        assert.equal(leading, 1);
        tokens.push(leadership.token);
        await coordinator.get("/");
        leading -= 1;
        await leadership.resign();
      }),
    );
    assert.deepEqual(
      tokens,
      [...tokens].sort((a, b) => Number(a - b)),
      "they lead in the order of their tokens",
    );
    assert.equal(new Set(tokens).size, 5);
  });

  test("LEAD-2", "tokens grow from leader to leader, and are what the store shows", async (kit) => {
    const clients = await Promise.all(range(2).map(() => kit.client(steady(kit))));
    let last = 0n;
    for (const round of range(6)) {
      const { coordinator } = clients[round % 2] as KitClient;
      const leadership = await coordinator.election(path).campaign();
      assert.equal(typeof leadership.token, "bigint");
      assert.ok(leadership.token > last, `${leadership.token} after ${last}`);
      last = leadership.token;
      assert.equal((await coordinator.get(leadership.path))?.createRevision, leadership.token);
      assert.equal((await coordinator.election(path).leader())?.token, leadership.token);
      await leadership.resign();
    }
  });

  test("LEAD-2", "tokens grow across deletion of the election's parent", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    let last = 0n;
    for (const round of range(5)) {
      const leadership = await (round % 2 ? a : b).coordinator.election("/deep/e").campaign();
      assert.ok(leadership.token > last, `${leadership.token} after ${last}`);
      last = leadership.token;
      await leadership.resign();
      // Whatever the store numbers under this parent begins anew.
      await a.session.delete("/deep/e");
      if (round % 2) await b.session.delete("/deep");
    }
  });

  test("LEAD-5", "first come, first served", async (kit) => {
    const clients = await Promise.all(range(6).map(() => kit.client(steady(kit))));
    const joined = await joinInTurn(kit, clients);
    for (const [turn, { campaign, entry }] of joined.entries()) {
      const leadership = await kit.within(`turn ${turn}`, soonMs(kit), campaign);
      assert.equal(leadership.path, entry);
      for (const later of joined.slice(turn + 1)) {
        const leader = await clients[0]?.coordinator.election(path).leader();
        assert.notEqual(leader?.path, later.entry);
      }
      await leadership.resign();
    }
    await childrenAre(kit, clients[0] as KitClient, path, 0);
  });

  test(
    "LEAD-5",
    "of 100 who wait, one resignation wakes one",
    { needs: ["requests", "notifications"], timeouts: 40 },
    async (kit) => {
      const clients = await Promise.all(range(20).map(() => kit.client(steady(kit))));
      const won: Leadership[] = [];
      const campaigns = Promise.all(
        clients.flatMap(({ coordinator }) =>
          range(5).map(async () => {
            const leadership = await coordinator.election(path).campaign();
            won.push(leadership);
          }),
        ),
      );
      // At the end most still wait, and are closed.
      const ended = campaigns.catch(() => {});
      await childrenAre(kit, clients[0] as KitClient, path, 100);
      await kit.until("the first leads", soonMs(kit), () => won.length === 1);
      const count = (what: "requests" | "notifications") =>
        clients.reduce((sum, { link }) => sum + (link[what]?.() ?? 0), 0);
      const quiet = async () => {
        const before = count("requests");
        await kit.sleep(kit.target.sessionTimeoutMs / 4);
        return count("requests") === before;
      };
      await kit.until("all are in line and still", soonMs(kit), quiet);
      for (const turn of range(3)) {
        const before = { requests: count("requests"), notifications: count("notifications") };
        await won[turn]?.resign();
        await kit.until("the next leads", soonMs(kit), () => won.length === turn + 2);
        await kit.until("the others are still", soonMs(kit), quiet);
        assert.equal(won.length, turn + 2, "one resignation made one leader");
        const requests = count("requests") - before.requests;
        const notifications = count("notifications") - before.notifications;
        // The release, the check by the one who is woken, and what sets or ends watches of these two.
        assert.ok(requests >= 1 && requests <= 8, `${requests} requests`);
        assert.ok(notifications >= 1 && notifications <= 4, `${notifications} notifications`);
      }
      for (const { coordinator } of clients) await coordinator.close();
      await ended;
    },
  );

  test("LEAD-1", "one session stands in several elections, and leads in each for itself", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    const paths = range(5).map((index) => `/elections/${index}`);
    const leaderships = await Promise.all(paths.map((each) => a.coordinator.election(each).campaign()));
    assert.equal(new Set(leaderships.map(({ token }) => token)).size, paths.length);
    const waiting = paths.map((each) => b.coordinator.election(each).campaign());
    for (const wait of waiting) wait.catch(() => {});
    await Promise.all(paths.map((each) => childrenAre(kit, b, each, 2)));
    await leaderships[2]?.resign();
    const next = await kit.within("the third's next leader", soonMs(kit), waiting[2] as Promise<Leadership>);
    assert.ok(next.isHeld);
    assert.deepEqual(
      leaderships.map(({ isHeld }) => isHeld),
      [true, true, false, true, true],
    );
    const leaders = await Promise.all(paths.map((each) => b.coordinator.election(each).leader()));
    assert.deepEqual(
      leaders.map((leader) => leader?.sessionId),
      paths.map((_, index) => (index === 2 ? b.session.id : a.session.id)),
    );
    for (const leadership of leaderships) await leadership.resign();
    await kit.within("all others", soonMs(kit), Promise.all(waiting));
  });

  test("LEAD-6", "a cancelled wait leaves no node, and does not block those behind", async (kit) => {
    const clients = await Promise.all(range(4).map(() => kit.client(steady(kit))));
    const [holder, aborter, timing, last] = clients as [KitClient, KitClient, KitClient, KitClient];
    const leadership = await holder.coordinator.election(path).campaign();
    const controller = new AbortController();
    const aborted = aborter.coordinator.election(path).campaign({ signal: controller.signal });
    aborted.catch(() => {});
    await childrenAre(kit, holder, path, 2);
    const timedOut = timing.coordinator.election(path).campaign({ timeoutMs: kit.target.sessionTimeoutMs });
    timedOut.catch(() => {});
    await childrenAre(kit, holder, path, 3);
    const waiting = last.coordinator.election(path).campaign();
    await childrenAre(kit, holder, path, 4);
    controller.abort();
    await kit.within("the abort", soonMs(kit), rejects(aborted, "ABORTED"));
    await kit.within("the time limit", soonMs(kit), rejects(timedOut, "TIMEOUT"));
    await childrenAre(kit, holder, path, 2);
    assert.ok(leadership.isHeld);
    await leadership.resign();
    const next = await kit.within("the one behind", soonMs(kit), waiting);
    assert.ok(next.isHeld);
    await childrenAre(kit, holder, path, 1);
  });

  test("LEAD-6", "nor does one that is given up at any moment of its beginning", async (kit) => {
    const [holder, fickle] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    for (const round of range(40)) {
      // Now with a leader, now with nobody there: then it may also have won before it was given up.
      const leadership = round % 2 ? await holder.coordinator.election(path).campaign() : undefined;
      const controller = new AbortController();
      const campaign = fickle.coordinator.election(path).campaign({ signal: controller.signal });
      for (const _ of range(round)) await Promise.resolve();
      if (round % 3 === 0) await fickle.session.get("/");
      controller.abort();
      const won = await campaign.catch((error) => rejects(Promise.reject(error), "ABORTED"));
      if (!ConclaveError.is(won)) {
        assert.equal(leadership, undefined, "elected beside the holder");
        await won.resign();
      }
      await leadership?.resign();
      await childrenAre(kit, holder, path, 0);
    }
    const next = await kit.within(
      "a later campaign",
      soonMs(kit),
      holder.coordinator.election(path).campaign(),
    );
    assert.ok(next.isHeld);
  });

  test(
    "LEAD-6",
    "a signal that is aborted already, and wrong arguments, make no node at all",
    async (kit) => {
      const { coordinator } = await kit.client();
      const election = coordinator.election(path);
      await rejects(election.campaign({ signal: AbortSignal.abort() }), "ABORTED");
      await rejects(election.campaign({ data: new Uint8Array(1_000_001) }), "DATA_TOO_LARGE");
      await rejects(election.campaign({ timeoutMs: -1 }), "INVALID_ARGUMENT");
      assert.throws(() => coordinator.election("e"), { code: "INVALID_PATH" });
      assert.equal(await coordinator.exists(path), false);
    },
  );

  test("LEAD-7", "resigning twice, or after another took over, harms nobody", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    const first = await a.coordinator.election(path).campaign();
    const waiting = b.coordinator.election(path).campaign();
    await Promise.all([first.resign(), first.resign()]);
    const second = await kit.within("the next", soonMs(kit), waiting);
    const again = a.coordinator.election(path).campaign();
    await childrenAre(kit, a, path, 2);
    await first.resign();
    await rejects(first.set("/", "stale"), "NOT_HELD");
    assert.equal(
      (await childrenAre(kit, a, path, 2)).length,
      2,
      "the candidacy of the same session is another one",
    );
    assert.ok(second.isHeld && !first.isHeld);
    await second.set("/", "mine");
    assert.equal(text(await a.session.get("/", { linearizable: true })), "mine");
    await second.resign();
    assert.ok((await kit.within("the next", soonMs(kit), again)).isHeld);
  });

  test("LEAD-9", "observers converge on the leader and its data, and on there being none", async (kit) => {
    const clients = await Promise.all(range(3).map(() => kit.client(steady(kit))));
    const [a, b, watching] = clients as [KitClient, KitClient, KitClient];
    const election = watching.coordinator.election(path);
    // Before anybody stood, there is no node to watch.
    const observer = follow(kit, election.observe());
    const shows = (what: string, data: string | undefined, token?: bigint) =>
      kit.until(`the observer shows ${what}`, soonMs(kit), () => {
        if (observer.values.length === 0) return false;
        const leader = observer.last;
        if (data === undefined) return leader === undefined;
        return (
          leader !== undefined && new TextDecoder().decode(leader.data) === data && leader.token === token
        );
      });
    await shows("nobody", undefined);
    assert.equal(await election.leader(), undefined);
    for (const round of range(2)) {
      const first = await a.coordinator.election(path).campaign({ data: `a${round}` });
      await shows("the first", `a${round}`, first.token);
      assert.equal(observer.last?.sessionId, a.session.id);
      assert.equal(observer.last?.path, first.path);
      const waiting = b.coordinator.election(path).campaign({ data: `b${round}` });
      await childrenAre(kit, a, path, 2);
      assert.equal((await election.leader())?.token, first.token, "a candidate is no leader");
      await b.coordinator.set(first.path, `a${round} changed`);
      await shows("the changed data", `a${round} changed`, first.token);
      await first.resign();
      const second = await waiting;
      await shows("the second", `b${round}`, second.token);
      await second.resign();
      await shows("nobody", undefined);
    }
    const tokens = observer.values.flatMap((leader) => (leader ? [leader.token] : []));
    assert.deepEqual(
      tokens,
      [...tokens].sort((x, y) => Number(x - y)),
      "never an earlier leader after a later one",
    );
    await observer.stop();
    assert.equal((await observer.ended).error, undefined);
  });

  test("LEAD-9", "observing ends by signal, and throws CLOSED with the coordinator", async (kit) => {
    const { coordinator } = await kit.client();
    const election = coordinator.election(path);
    const controller = new AbortController();
    const aborted = follow(kit, election.observe({ signal: controller.signal }));
    const closed = follow(kit, election.observe());
    for (const each of [aborted, closed]) {
      await kit.until("the first state", soonMs(kit), () => each.values.length > 0);
    }
    controller.abort();
    assert.equal((await kit.within("the end", soonMs(kit), aborted.ended)).error, undefined);
    await coordinator.close();
    const { error } = await kit.within("the end", soonMs(kit), closed.ended);
    assert.ok(ConclaveError.is(error, "CLOSED"), String(error));
  });
});
