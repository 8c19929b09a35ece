import { describe, expect, test } from "vitest";
import { bytes, create, eventually, Listing, linearizable, nearest, setUp } from "./helpers.js";

const setting = setUp();

/** More than one page of a listing. */
const MANY = 1_008;
/** Of etcd's limit of operations in one transaction. */
const BATCH = 126;

/** Puts keys as a program does that knows nothing of Conclave. */
async function putForeign(keys: readonly Buffer[]): Promise<void> {
  for (let start = 0; start < keys.length; start += BATCH) {
    const success = keys
      .slice(start, start + BATCH)
      .map((key) => ({ request_put: { key: key.toString("base64") } }));
    const response = await fetch(`${setting.server.url}/v3/kv/txn`, {
      method: "POST",
      body: JSON.stringify({ success }),
    });
    expect(response.ok).toBe(true);
  }
}

test("NODE-10 foreign keys that are no UTF-8 don't keep a listing from its end", async () => {
  const { session } = await setting.open();
  await session.commit([create("/u")], undefined);
  const below = Buffer.from(`${setting.namespace}/u/`);
  const deeper = Array.from({ length: MANY }, (_, i) =>
    Buffer.concat([below, Buffer.from([0xff]), Buffer.from(`/${String(i).padStart(5, "0")}`)]),
  );
  const after = Buffer.concat([below, Buffer.from([0xff, 0xff])]);
  await putForeign([...deeper, Buffer.concat([below, Buffer.from("a")]), after]);
  const listed = await session.children("/u", linearizable);
  expect(listed?.map(({ name }) => name)).toEqual(["a", after.subarray(below.length).toString()]);
  const listing = new Listing();
  session.watchChildren("/u", listing);
  await eventually(() => expect([...(listing.names?.keys() ?? [])]).toContain("a"));
});

describe("a path deeper than one transaction of etcd can deal with", () => {
  const deep = "/d".repeat(140);

  test("NODE-2 is created with all of its parents", async () => {
    const { session } = await setting.open();
    const [made] = await session.commit([create(deep, { parents: true })], undefined);
    expect(made).toMatchObject({ path: deep });
    expect(await session.get(deep, linearizable)).toMatchObject({ version: 0 });
    expect(await session.children("/d", linearizable)).toMatchObject([{ name: "d" }]);
  });

  test("NODE-2 can be a line", async () => {
    const { session } = await setting.open();
    const ticket = await session.enqueue(deep, { label: "lock", data: bytes("") }, nearest);
    expect(await session.standing(ticket, nearest)).toEqual({ present: true, ahead: [] });
  });
});
