import { windowOf } from "../measure.js";
import { type Arguments, openAll } from "./arguments.js";
import { emit } from "./result.js";

/** Clients with sessions of their own take and drop one lock, each as fast as it can. */
async function locks(given: Arguments, clients: number): Promise<void> {
  const { base, seconds } = given;
  const coordinators = await openAll(given, clients);
  const samplesMs = coordinators.map((): number[] => []);
  const window = windowOf(seconds * 1_000);
  let holder: number | undefined;
  let handOffs = 0;
  const cycle = async (index: number) => {
    const lock = coordinators[index]?.lock(base);
    for (let begin = performance.now(); begin < window.endMs; begin = performance.now()) {
      const hold = await lock?.acquire();
      const acquired = performance.now();
      if (holder !== index && acquired >= window.startMs && acquired <= window.endMs) handOffs += 1;
      holder = index;
      await hold?.release();
      // Alone, the whole cycle counts; among others, the wait.
      const end = clients === 1 ? performance.now() : acquired;
      if (end >= window.startMs && end <= window.endMs) samplesMs[index]?.push(end - begin);
    }
  };
  await Promise.all(coordinators.map((_, index) => cycle(index)));
  const all = samplesMs.flat();
  if (clients === 1) emit(all.length / seconds, "cycles/s", all);
  else {
    const counts = samplesMs.map((samples) => samples.length);
    emit(all.length / seconds, "acquisitions/s", all, {
      handoffs_per_s: handOffs / seconds,
      fairness: Math.min(...counts) / Math.max(1, ...counts),
    });
  }
  await coordinators[0]?.delete(base);
  await Promise.all(coordinators.map((coordinator) => coordinator.close()));
}

export const lockUncontended = (given: Arguments) => locks(given, 1);
export const lockContended = (given: Arguments) => locks(given, given.clients);
