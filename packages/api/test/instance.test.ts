import { connect } from "@conclave/api";
import { MemoryCluster, memory } from "@conclave/backend-memory";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const cluster = new MemoryCluster();
let coordinator: Awaited<ReturnType<typeof connect>>;
beforeEach(async () => {
  coordinator = await connect(memory({ cluster }), { namespace: "/test" });
});
afterEach(() => coordinator.close());

const place = { name: "web", address: "10.0.0.7", port: 80 };

describe("INTEROP-1 the data of an instance", () => {
  test("has the fields of Curator's ServiceInstance, and no other", async () => {
    await coordinator.discovery("/wire").register({ ...place, id: "one", metadata: { zone: "a" } });
    const node = await coordinator.get("/wire/web/one");
    expect(JSON.parse(new TextDecoder().decode(node?.data))).toEqual({
      ...place,
      id: "one",
      serviceType: "DYNAMIC",
      payload: { zone: "a" },
    });
  });

  test.each([
    { metadata: undefined },
    { metadata: null },
    { metadata: { "@class": "com.example.Place", zone: "a", weights: [1, [2]] } },
    { metadata: [] },
    { metadata: ["java.util.ArrayList", [1]] },
    { metadata: [{ a: 1 }, "b"] },
    { metadata: "text" },
    { metadata: 1.5 },
    { metadata: false },
  ])("gives back the metadata $metadata", async ({ metadata }) => {
    const directory = coordinator.discovery("/given");
    const registration = await directory.register({ ...place, id: "one", metadata });
    const view = await directory.view("web");
    expect(view.instances).toEqual([{ ...place, id: "one", metadata }]);
    await registration.unregister();
  });

  test("is what the metadata make of themselves, a list included", async () => {
    const directory = coordinator.discovery("/made");
    await directory.register({ ...place, id: "one", metadata: { toJSON: () => ["a", "b"] } });
    expect((await directory.view("web")).instances[0]?.metadata).toEqual(["a", "b"]);
  });

  // As Curator's JsonInstanceSerializer writes it, in its old and its new way.
  const curator = `"name":"web","id":"one","address":"10.0.0.7","port":80,"sslPort":null`;
  const rest = `"registrationTimeUTC":1700000000000,"serviceType":"DYNAMIC","uriSpec":null`;
  test.each([
    [`{${curator},"payload":null,${rest}}`, null],
    [
      `{${curator},"payload":{"@class":"java.util.HashMap","zone":"a"},${rest}}`,
      { "@class": "java.util.HashMap", zone: "a" },
    ],
    [`{${curator},"payload":["java.util.ArrayList",["a","b"]],${rest},"enabled":true}`, ["a", "b"]],
    [`{${curator},"payload":["java.lang.Long",7],${rest},"more":{"unknown":true}}`, 7],
  ])("is read as Curator writes it: %s", async (data, metadata) => {
    await coordinator.create("/theirs/web/one", data, { parents: true });
    const view = await coordinator.discovery("/theirs").view("web");
    expect(view.instances).toEqual([{ ...place, id: "one", metadata }]);
    await coordinator.delete("/theirs/web/one");
  });

  test.each([
    [`{${curator},"payload":null,${rest},"enabled":false}`],
    [`{"name":"web","id":"one","address":"10.0.0.7","port":null,"sslPort":443,${rest}}`],
    [`{"name":"web","id":"one","address":null,"port":80,${rest}}`],
    [`{"address":"10.0.0.7","port":70000}`],
    [`{"address":"10.0.0.7","port":0}`],
    [`{"address":"10.0.0.7","port":80.5}`],
    [`{"address":"","port":80}`],
    ["null"],
  ])("is not shown when it cannot be used: %s", async (data) => {
    await coordinator.create("/useless/web/one", data, { parents: true });
    const view = await coordinator.discovery("/useless").view("web");
    expect(view.instances).toEqual([]);
    await coordinator.delete("/useless/web/one");
  });
});
