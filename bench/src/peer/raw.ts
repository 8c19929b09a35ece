import type { Coordinator } from "@conclave/api";
import { each, loops, windowOf } from "../measure.js";
import { type Arguments, open } from "./arguments.js";
import { emit } from "./result.js";

const data = Buffer.alloc(64, "x");

type RawOperation = (coordinator: Coordinator, base: string, i: number) => Promise<unknown>;

/** Operations on one key, or on distinct ones, over one connection: how many in a second. */
async function raw(given: Arguments, operation: RawOperation): Promise<number> {
  const { base, seconds, clients } = given;
  const coordinator = await open(given);
  await coordinator.create(base, data);
  const { latenciesMs, issued } = await loops({ width: clients, window: windowOf(seconds * 1_000) }, (i) =>
    operation(coordinator, base, i),
  );
  emit(latenciesMs.length / seconds, "ops/s", latenciesMs);
  if (given.workload === "raw-create") {
    await each({ count: issued, width: 64 }, (i) => coordinator.delete(`${base}/${i}`));
  }
  await coordinator.delete(base);
  await coordinator.close();
  return issued;
}

export const rawGet = (given: Arguments) => raw(given, (coordinator, base) => coordinator.get(base));
export const rawSet = (given: Arguments) => raw(given, (coordinator, base) => coordinator.set(base, data));
export const rawCreate = (given: Arguments) =>
  raw(given, (coordinator, base, i) => coordinator.create(`${base}/${i}`, data));
