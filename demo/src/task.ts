import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

const slices = 8;
const roundsPerSlice = 250;
/** Between slices: many workers may share one thread. */
const pauseMs = 20;

/** Does a task: hashes its text many times over. */
export async function carryOut(text: string): Promise<string> {
  let digest = text;
  for (let slice = 0; slice < slices; slice += 1) {
    digest = hash(digest, roundsPerSlice);
    await pause(pauseMs);
  }
  return digest;
}

/** What `carryOut` must come to. */
export function expectedResult(text: string): string {
  return hash(text, slices * roundsPerSlice);
}

function hash(text: string, rounds: number): string {
  let digest = text;
  for (let round = 0; round < rounds; round += 1) digest = createHash("sha256").update(digest).digest("hex");
  return digest;
}
