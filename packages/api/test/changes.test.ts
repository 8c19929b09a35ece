import type { Change, Instance } from "@conclave/api";
import fc from "fast-check";
import { expect, test } from "vitest";
import { memoryStore } from "./support.js";

/** Applies events to a set, each of which must fit it. */
class Replay {
  readonly ports = new Map<string, number>();

  apply({ type, id, value }: Change<Instance>): void {
    expect(this.ports.has(id), `${type} ${id}`).toBe(type !== "added");
    if (type === "removed") this.ports.delete(id);
    else this.ports.set(id, value.port);
  }

  get text(): string {
    return [...this.ports].sort().join(" ");
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("set"), id: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("delete"), id: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("read"), id: fc.constant(0) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("cut", "refuse", "accept", "hole", "heal", "lose"),
      id: fc.constant(0),
    }),
  },
);

test("DISC-5: events always fit what was told before, and lead to what the view shows, however slowly they are read", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 80 }), async (steps) => {
      const { clock, now, join, cluster } = memoryStore();
      const [reader, writer] = [await join(), await join()];
      await now(writer.coordinator.create("/d/web", "", { parents: true }));
      const view = await now(reader.coordinator.discovery("/d").view("web"));
      const events = view.changes()[Symbol.asyncIterator]();
      const replay = new Replay();
      const misfits: unknown[] = [];
      let isReading = false;
      const readOne = async () => {
        isReading = true;
        const { done, value } = await events.next();
        isReading = false;
        if (!done) replay.apply(value);
      };
      const read = async () => {
        if (!isReading) readOne().catch((error: unknown) => misfits.push(error));
        await clock.advance(0);
      };
      const writerId = (await writer.coordinator.session()).id;
      let port = 1;
      for (const { do: what, id } of steps) {
        const path = `/d/web/i${id}`;
        port += 1;
        const data = JSON.stringify({ address: "h", port });
        if (what === "set") {
          if (await now(writer.coordinator.exists(path))) await now(writer.coordinator.set(path, data));
          else await now(writer.coordinator.create(path, data));
        } else if (what === "delete") await now(writer.coordinator.delete(path)).catch(() => {});
        else if (what === "read") await read();
        else if (what === "cut") reader.faults.cut();
        else if (what === "refuse") reader.faults.refuse();
        else if (what === "accept") reader.faults.accept();
        else if (what === "hole") reader.faults.blackHole();
        else if (what === "heal") reader.faults.heal();
        else for (const id of cluster.sessions) if (id !== writerId) cluster.expireSession(id);
      }
      reader.faults.heal();
      reader.faults.accept();
      await clock.advanceUntil(() => !view.stale);
      const shown = () => new Map(view.instances.map(({ id, port }) => [id, port] as const));
      for (let n = 0; n < 12; n += 1) await read();
      expect(misfits).toEqual([]);
      expect(replay.text).toBe([...shown()].sort().join(" "));
      const stored = await now(writer.coordinator.childNodes("/d/web"));
      expect([...replay.ports.keys()].sort()).toEqual(stored.map(({ name }) => name).sort());
      await events.return?.();
    }),
    { numRuns: 100 },
  );
});
