import { redis } from "@conclave/backend-redis";
import { expect, test } from "vitest";
import { create, direct, errorOf, facts, setUp } from "./helpers.js";

const setting = setUp();

test("LEAD-2 a token that would go back is refused within the client, its session ends, and the next one goes on ahead", async () => {
  const seen = facts();
  const backend = redis({ hosts: setting.server.url });
  const open = () =>
    backend.open({
      namespace: setting.namespace,
      sessionTimeoutMs: 10_000,
      connectTimeoutMs: 10_000,
      signal: new AbortController().signal,
      observer: seen,
    });
  const look = { label: undefined, limit: 1 };
  const session = await open();
  const before = await session.enqueue("/line", { label: "lock", data: new Uint8Array() }, look);
  await session.leave(before);
  // As a replica that takes over without the newest commits, on a server that does not tell that it is another.
  await direct(setting.server.url, (client) =>
    client.hset(`conclave:{${setting.namespace}}`, "rev", String(before.createRevision - 10n)),
  );
  const error = await errorOf(session.enqueue("/line", { label: "lock", data: new Uint8Array() }, look));
  expect(error).toMatchObject({ code: "STORE_ERROR", outcome: "unknown" });
  expect(error.message).toMatch(/lost acknowledged writes/);
  expect(seen.ends).toHaveLength(1);
  await session.close();
  const next = await open();
  const after = await next.enqueue("/line", { label: "lock", data: new Uint8Array() }, look);
  expect(after.createRevision).toBeGreaterThan(before.createRevision);
  expect(after.ahead, "what was refused does not stand in the way").toEqual([]);
  await next.commit([create("/a")], undefined);
  await next.close();
});
