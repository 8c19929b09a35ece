import { etcd } from "@conclave/backend-etcd";
import { type Etcd3, Etcd3 as EtcdClient, Range } from "etcd3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  create,
  errorOf,
  eventually,
  facts,
  Listing,
  linearizable,
  requests,
  set,
  setUp,
} from "./helpers.js";

const SECRET = "correct horse";
const root = { username: "root", password: "root" };
const setting = setUp();
let admin: Etcd3;

beforeAll(async () => {
  admin = new EtcdClient({ hosts: setting.server.url });
  await admin.role("root").create();
  await admin.user("root").create("root");
  await admin.user("root").addRole("root");
  const limited = await admin.role("limited").create();
  await limited.grant({ permission: "Readwrite", range: Range.prefix("/mine") });
  await admin.user("limited").create(SECRET);
  await admin.user("limited").addRole("limited");
  await admin.auth.authEnable();
  admin.close();
  admin = new EtcdClient({ hosts: setting.server.url, auth: root });
});
afterAll(() => admin.close());

const limited = { auth: { username: "limited", password: SECRET } };

function failure(options: object, namespace = "/mine") {
  return errorOf(
    etcd({ hosts: setting.server.url, ...options }).open({
      namespace,
      sessionTimeoutMs: 1_000,
      connectTimeoutMs: 10_000,
      signal: new AbortController().signal,
      observer: facts(),
    }),
  );
}

describe("access", () => {
  test("is refused without a user, with a wrong password, and outside what the user may touch", async () => {
    for (const error of [
      await failure({}),
      await failure({ auth: { username: "limited", password: "wrong horse" } }),
      await failure(limited, "/other"),
    ]) {
      expect(error).toMatchObject({ code: "ACCESS_DENIED", retryable: false });
      expect(error.message).toContain(`127.0.0.1:${setting.server.port}`);
      expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.toMatch(/horse/);
    }
  });

  test("to the user's namespace is enough", async () => {
    const { session } = await setting.open({ namespace: "/mine", options: limited });
    const listing = new Listing();
    session.watchChildren("/", listing);
    await session.commit([create("/a/b", { parents: true })], undefined);
    await eventually(() => expect(listing.names?.has("a")).toBe(true));
  });

  test("that is refused to a watch ends it", async () => {
    const { session } = await setting.open({ namespace: "/mine", options: limited });
    await session.commit([create("/w", { parents: true })], undefined).catch(() => {});
    const { session: outside } = await setting.open({ namespace: "/mine", options: limited });
    await admin.role("limited").revoke({ permission: "Readwrite", range: Range.prefix("/mine") });
    try {
      const listing = new Listing();
      outside.watchChildren("/w", listing);
      await eventually(() => expect(listing.failures[0]).toMatchObject({ code: "ACCESS_DENIED" }));
      const error = await errorOf(outside.get("/w", linearizable));
      expect(error).toMatchObject({ code: "ACCESS_DENIED", outcome: "not-applied" });
    } finally {
      await admin.role("limited").grant({ permission: "Readwrite", range: Range.prefix("/mine") });
    }
  });
});

describe("a token that the server has forgotten", () => {
  /** Tokens of a user end when the password is set, also to the same one. */
  async function forgetTokens(): Promise<void> {
    await admin.auth.userChangePassword({ name: "limited", password: SECRET });
  }

  test("is renewed by a call, which is then done once", async () => {
    const { session, facts } = await setting.open({ namespace: "/mine", options: limited });
    await session.commit([create("/once", { parents: true })], undefined);
    const { Authenticate = 0 } = await requests(setting.server.url);
    await forgetTokens();
    await session.commit([set("/once", "x")], undefined);
    expect(await session.get("/once", linearizable)).toMatchObject({ version: 1 });
    expect((await requests(setting.server.url)).Authenticate).toBe(Authenticate + 1);
    expect(facts).toMatchObject({ ends: [], disconnections: [] });
  });

  test("is renewed once for many calls", async () => {
    const { session } = await setting.open({ namespace: "/mine", options: limited });
    const { Authenticate = 0 } = await requests(setting.server.url);
    await forgetTokens();
    const read = () => session.get("/", linearizable);
    await Promise.all([...Array(20).keys()].map(read));
    expect((await requests(setting.server.url)).Authenticate).toBe(Authenticate + 1);
  });

  test("is renewed by a watch, and the others go on", async () => {
    const { session, facts } = await setting.open({ namespace: "/mine", options: limited });
    const early = new Listing();
    session.watchChildren("/", early);
    await eventually(() => expect(early.snapshots).toBe(1));
    await forgetTokens();
    const late = new Listing();
    session.watchChildren("/", late);
    await eventually(() => expect(late.snapshots).toBe(1));
    await session.commit([create("/after")], undefined);
    for (const listing of [early, late]) {
      await eventually(() => expect(listing.names?.has("after")).toBe(true));
      expect(listing.failures).toEqual([]);
    }
    expect(early.snapshots).toBe(1);
    expect(facts).toMatchObject({ ends: [], disconnections: [] });
  });
});
