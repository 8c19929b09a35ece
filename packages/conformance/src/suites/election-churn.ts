import assert from "node:assert/strict";
import { ConclaveError, type ErrorCode, type Leadership } from "@conclave/api";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import {
  childrenAre,
  expireUnseen,
  loseSession,
  over,
  randomFrom,
  range,
  soonMs,
  steady,
  text,
} from "./support.js";

const path = "/e";

type Action = (client: KitClient, leadership: Leadership) => Promise<void>;

interface Churn {
  readonly kit: Kit;
  readonly clients: readonly KitClient[];
  readonly candidatesEach: number;
  readonly reigns: number;
  /** What leaders do; each in turn, by chance. */
  readonly actions: readonly Action[];
  /** Called at each grant, with all leaderships before. */
  granted(leadership: Leadership, earlier: readonly Leadership[]): void;
}

/** What may end a reign or a candidacy under such treatment. */
const expected: readonly ErrorCode[] = ["SESSION_LOST", "NOT_HELD", "CONNECTION_LOST", "TIMEOUT"];

function tolerate(error: unknown): undefined {
  if (ConclaveError.is(error) && expected.includes(error.code)) return undefined;
  throw error;
}

/** Has candidates come and go, and returns their guarded writes that were acknowledged. */
async function churn({
  kit,
  clients,
  candidatesEach,
  reigns,
  actions,
  granted,
}: Churn): Promise<readonly Fenced[]> {
  const random = randomFrom(clients.length * 1_000 + reigns);
  const grants: Leadership[] = [];
  const writes: Fenced[] = [];
  const candidate = async (client: KitClient) => {
    while (grants.length < reigns) {
      const timeoutMs = random() < 0.3 ? random() * kit.target.sessionTimeoutMs : soonMs(kit) * 2;
      const leadership = await client.coordinator.election(path).campaign({ timeoutMs }).catch(tolerate);
      if (leadership === undefined) continue;
      // From here to the next line nothing else runs: what is claimed now is compared with what was granted before.
      granted(leadership, grants);
      grants.push(leadership);
      const { token } = leadership;
      const written = await leadership.set("/register", String(token)).catch(tolerate);
      if (written) writes.push({ token, modRevision: written.modRevision });
      const action = actions[Math.floor(random() * actions.length)];
      if (grants.length < reigns) await action?.(client, leadership);
      await leadership.resign();
    }
  };
  await Promise.all(clients.flatMap((client) => range(candidatesEach).map(() => candidate(client))));
  return writes;
}

interface Fenced {
  readonly token: bigint;
  readonly modRevision: bigint;
}

/** In the store's order, no write of an earlier leader comes after one of a later. */
function assertFenced(writes: readonly Fenced[]): void {
  const inOrder = [...writes].sort((a, b) => Number(a.modRevision - b.modRevision));
  for (const [index, { token }] of inOrder.slice(1).entries()) {
    const before = inOrder[index]?.token ?? 0n;
    assert.ok(token >= before, `the register took token ${token} after ${before}`);
  }
}

const resign: Action = async () => {};
const writeOn: Action = async (_, leadership) => {
  for (const _ of range(3)) await leadership.set("/register", String(leadership.token)).catch(tolerate);
};
const cut: Action = ({ link }) => link.cut();
const lose: Action = async (client, { signal }) => {
  if (!signal.aborted) await client.link.refuse();
  await client.link.heal();
};

export const electionChurn = suite("election under churn", (test) => {
  test(
    "LEAD-1",
    "never two leaders at once, and tokens grow, while candidates resign, are cut off and lose sessions",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const clients = await Promise.all(range(4).map(() => kit.client()));
      await clients[0]?.coordinator.create("/register");
      let [holding, losses] = [0, 0];
      const writes = await churn({
        kit,
        clients,
        candidatesEach: 2,
        reigns: 40,
        actions: [
          resign,
          writeOn,
          cut,
          lose,
          async (client) => {
            if (losses >= 4) return;
            losses += 1;
            await loseSession(kit, client);
          },
          async (client) => {
            if (losses >= 4) return;
            losses += 1;
            await client.link.blackHole();
            await over(kit, await client.coordinator.session());
            await client.link.heal();
          },
        ],
        granted: (leadership, earlier) => {
          holding += 1;
          assert.ok(
            earlier.every((other) => !other.isHeld),
            "two lead at once",
          );
          assert.ok(
            earlier.every(({ token }) => token < leadership.token),
            "a token that does not grow",
          );
        },
      });
      assert.ok(holding >= 40);
      assert.ok(writes.length > 0);
      assertFenced(writes);
      for (const { coordinator } of clients)
        await kit.within("a session", soonMs(kit), coordinator.session());
      await childrenAre(kit, clients[0] as KitClient, path, 0);
    },
  );

  test(
    "LEAD-2",
    "tokens grow and the register takes no older one, also when the store ends sessions early",
    { needs: ["link", "expireSession"], timeouts: 60 },
    async (kit) => {
      const clients = await Promise.all(range(4).map(() => kit.client(steady(kit))));
      await clients[0]?.coordinator.create("/register");
      const tokens: bigint[] = [];
      let expiries = 0;
      const expire: Action = async (client, leadership) => {
        if (expiries >= 6) return;
        expiries += 1;
        const session = await client.coordinator.session();
        await expireUnseen(kit, client);
        const late = leadership.set("/register", String(leadership.token)).catch(tolerate);
        await client.link.heal();
        await over(kit, session);
        assert.equal(await late, undefined, "a write of a session that had ended");
      };
      const writes = await churn({
        kit,
        clients,
        candidatesEach: 2,
        reigns: 30,
        actions: [resign, writeOn, expire],
        // Who was expired behind its back learns of it later than its rival: only the store's order counts here.
        granted: ({ token }) => tokens.push(token),
      });
      assert.equal(new Set(tokens).size, tokens.length);
      assertFenced(writes);
      const register = await clients[0]?.coordinator.get("/register", { linearizable: true });
      assert.ok(writes.some(({ token }) => String(token) === text(register)));
    },
  );
});
