import { connect, type TransactionOperation } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Define } from "../suite.js";
import { subjectsOf } from "./operations.js";
import { refuses, withoutContact } from "./refused.js";

const notOptions: readonly unknown[] = [
  null,
  7,
  "options",
  { ifversion: 1 },
  { signal: {} },
  { signal: "abort" },
];
const notDurations: readonly unknown[] = [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, "1000", null];
const notVersions: readonly unknown[] = [-1, 0.5, Number.NaN, "0", null];
const notData: readonly unknown[] = [null, 7, {}, [1, 2], new Uint16Array(2)];

/** Arguments that cannot be meant are an error that says that nothing happened. */
export function invalidArguments(test: Define): void {
  test("OUT-1", "every operation refuses options that it does not know, before any I/O", async (kit) => {
    await refuses(kit, {
      operations: ({ takesOptions }) => takesOptions,
      inputs: notOptions.filter(isObject).map((options) => ({ options })),
      code: "INVALID_ARGUMENT",
    });
  });

  test("OUT-1", "every operation whose last argument is its options refuses what is none", async (kit) => {
    await refuses(kit, {
      // The data of a campaign or an acquisition is an option too, beside which the table spreads the others.
      operations: ({ takesOptions, mergesOptions }) => takesOptions && !mergesOptions,
      inputs: notOptions
        .filter((options) => !isObject(options))
        .map((options) => ({ options: options as object })),
      code: "INVALID_ARGUMENT",
    });
  });

  test("OUT-1", "every wait refuses a time limit that is none, before any I/O", async (kit) => {
    await refuses(kit, {
      operations: ({ takesTimeLimit }) => takesTimeLimit,
      inputs: notDurations.map((timeoutMs) => ({ options: { timeoutMs } })),
      code: "INVALID_ARGUMENT",
    });
  });

  test("OUT-1", "every operation that takes a version refuses what is none, before any I/O", async (kit) => {
    await refuses(kit, {
      operations: ({ method }) => method === "set" || method === "delete",
      inputs: notVersions.map((ifVersion) => ({ options: { ifVersion } })),
      code: "INVALID_ARGUMENT",
    });
  });

  test("OUT-1", "every operation that takes data refuses what is none, before any I/O", async (kit) => {
    await refuses(kit, {
      // Metadata and values of a configuration are whatever JSON can express.
      operations: ({ takesData, owner }) => takesData && owner !== "discovery" && owner !== "config",
      inputs: notData.map((data) => ({ data: data as string })),
      code: "INVALID_ARGUMENT",
    });
  });

  test(
    "OUT-1",
    "transactions, registrations and the root's deletion are checked before any I/O",
    async (kit) => {
      const { client, session, coordinator, leadership, discovery } = await subjectsOf(kit);
      const create: TransactionOperation = { type: "create", path: "/a" };
      const transactions: readonly unknown[] = [
        [],
        Array.from({ length: 33 }, (_, index) => ({ type: "create", path: `/n${index}` })),
        [create, { type: "set", path: "/a", data: "" }],
        [create, { type: "move", path: "/b" }],
        // A compare-and-swap that is misspelt must not become none.
        [{ type: "set", path: "/a", data: "", ifversion: 0 }],
        [{ type: "delete", path: "/a", version: 0 }],
        [{ ...create, parents: true }],
        [{ type: "check", path: "/a", exists: false, ifVersion: 0 }],
        [null],
        [7],
        "create",
        null,
      ];
      const instance = { name: "service", address: "a", port: 1 };
      const circular: Record<string, unknown> = {};
      circular.itself = circular;
      const instances: readonly object[] = [
        { ...instance, port: 0 },
        { ...instance, port: 65_536 },
        { ...instance, port: 1.5 },
        { ...instance, address: "" },
        { ...instance, address: 7 },
        { ...instance, adress: "b" },
        { ...instance, metadata: circular },
        { ...instance, metadata: 1n },
      ];
      const changes: readonly unknown[] = [
        null,
        undefined,
        7,
        { adress: "b" },
        { id: "b" },
        { name: "b" },
        { port: 0 },
      ];
      const registration = await discovery.register(instance);
      const names = ["", "a/b", ".", "..", "a\u0000"];
      await withoutContact(kit, client, async () => {
        for (const subject of [session, coordinator, leadership]) {
          await rejects(subject.delete("/"), "INVALID_ARGUMENT");
          for (const transaction of transactions) {
            await rejects(subject.transaction(transaction as TransactionOperation[]), "INVALID_ARGUMENT");
          }
        }
        for (const wrong of instances) {
          await rejects(discovery.register(wrong as typeof instance), "INVALID_ARGUMENT");
        }
        await rejects(discovery.register(undefined as never), "INVALID_ARGUMENT");
        for (const change of changes)
          await rejects(registration.update(change as object), "INVALID_ARGUMENT");
        const [name, id] = ["n".repeat(500), "i".repeat(600)];
        await rejects(discovery.register({ ...instance, name, id }), "INVALID_PATH");
        for (const name of names) {
          await rejects(discovery.register({ ...instance, name }), "INVALID_PATH");
          await rejects(discovery.register({ ...instance, id: name }), "INVALID_PATH");
          await rejects(discovery.view(name), "INVALID_PATH");
        }
      });
    },
  );

  test("OUT-1", "connecting refuses options that cannot be meant, before any I/O", async (kit) => {
    const { backend } = await kit.testClient();
    for (const name of ["sessionTimeoutMs", "connectTimeoutMs"]) {
      for (const duration of [0, ...notDurations]) {
        await rejects(connect(backend, { [name]: duration }), "INVALID_ARGUMENT");
      }
    }
    for (const options of notOptions) await rejects(connect(backend, options as object), "INVALID_ARGUMENT");
    for (const namespace of ["", "shop", "/shop/", "/a//b", "/zookeeper", "/zookeeper/quota"]) {
      await rejects(connect(backend, { namespace }), "INVALID_PATH");
    }
    await rejects(connect({} as typeof backend), "INVALID_ARGUMENT");
  });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
