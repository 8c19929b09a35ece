import { freshPath, type InteropSetting, type RegisterCase, until } from "@conclave/test-servers/interop";
import { expect } from "vitest";

/** Beside Curator's `ServiceDiscovery` with its `JsonInstanceSerializer`. */
export function discoveryCases(register: RegisterCase, setting: InteropSetting): void {
  register(
    "discovery: Curator's queries and caches read our instances, whatever their metadata",
    async () => {
      const foreign = setting.foreign();
      const coordinator = await setting.connect();
      const path = freshPath();
      const base = setting.namespace + path;
      const directory = coordinator.discovery(path);
      const metadata = [
        { zone: "a", weights: [1, { deep: null }] },
        ["a", ["b"]],
        "text",
        7,
        true,
        null,
        undefined,
      ];
      const registrations = await Promise.all(
        metadata.map((one, at) => directory.register({ ...place, id: `id-${at}`, metadata: one })),
      );
      const shown = metadata.map((one, at) => ours(`id-${at}`, one ?? null));
      expect(inOrder(await foreign.call("instances", "reader", base, "web", "java.lang.Object"))).toEqual(
        shown,
      );
      expect(await foreign.call("services", "reader", base)).toBe("web");

      await foreign.call("cache", "reader", base, "web");
      expect(inOrder(await foreign.call("cached", "reader"))).toEqual(shown);
      await registrations[0]?.update({ metadata: "changed" });
      const [, ...others] = shown;
      await until("the cache has it", async () =>
        (await foreign.call("cached", "reader")).includes("changed"),
      );
      expect(inOrder(await foreign.call("cached", "reader"))).toEqual([ours("id-0", "changed"), ...others]);
      await Promise.all(registrations.map((registration) => registration.unregister()));
      await until("the cache is empty", async () => (await foreign.call("cached", "reader")) === "[]");
    },
  );

  register(
    "discovery: Curator takes our metadata for its payload class: objects for Map, none for Void",
    async () => {
      const foreign = setting.foreign();
      const path = freshPath();
      const base = setting.namespace + path;
      const directory = (await setting.connect()).discovery(path);
      await directory.register({ ...place, name: "with", id: "id", metadata: { zone: "a" } });
      await directory.register({ ...place, name: "without", id: "id" });
      const read = async (service: string, payload: string) =>
        inOrder(await foreign.call("instances", "reader", base, service, payload)).length;
      expect(await read("with", "java.util.Map")).toBe(1);
      expect(await read("without", "java.util.Map")).toBe(1);
      expect(await read("without", "java.lang.Void")).toBe(1);
      await expect(read("with", "java.lang.Void")).rejects.toThrow(/ClassCastException/);
    },
  );

  register(
    "discovery: our view follows Curator's instances, and sees them go when their program is killed",
    async () => {
      const foreign = setting.mortalForeign();
      const path = freshPath();
      const base = setting.namespace + path;
      const view = await (await setting.connect()).discovery(path).view("web");
      expect(view.instances).toEqual([]);
      const theirs = (id: string, metadata: unknown) => ({ ...place, id, metadata });
      const shown = async (...expected: readonly unknown[]) => {
        await until("the view shows it", () => view.instances.length === expected.length);
        expect([...view.instances].sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual(expected);
      };
      const add = (id: string, payload: string) =>
        foreign.call("register", id, base, "web", id, place.address, String(place.port), payload);
      await add("a", `{"zone":"a"}`);
      const a = theirs("a", { "@class": "java.util.LinkedHashMap", zone: "a" });
      await shown(a);
      await add("b", `["x",["y"]]`);
      await shown(a, theirs("b", ["x", ["y"]]));
      await add("c", `"text"`);
      await add("d", "null");
      await shown(a, theirs("b", ["x", ["y"]]), theirs("c", "text"), theirs("d", null));
      await foreign.call("unregister", "b");
      await shown(a, theirs("c", "text"), theirs("d", null));
      await foreign.kill();
      await shown();
    },
  );
}

const place = { name: "web", address: "10.0.0.7", port: 8080 };

/** One of our instances as `CuratorPeer` shows what Curator read. */
function ours(id: string, payload: unknown): readonly unknown[] {
  return [place.name, id, place.address, place.port, payload, "DYNAMIC", true];
}

function inOrder(shown: string): readonly unknown[] {
  return (JSON.parse(shown) as readonly [string, string][]).toSorted(([, a], [, b]) => (a < b ? -1 : 1));
}
