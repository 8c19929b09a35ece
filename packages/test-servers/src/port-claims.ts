import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the test processes of this checkout say which ports are theirs: one file for each port, with the owner's process id. */
export const folder = fileURLToPath(new URL("../../../node_modules/.cache/conclave-ports", import.meta.url));
const claimed = new Set<string>();
let isPrepared = false;

/**
 * Claims a port until this process ends; false when another process has. A port that nobody listens on may still be somebody's,
 * who has stopped listening for a while and will go on.
 */
export function claimPort(port: number): boolean {
  const file = join(folder, String(port));
  prepare();
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    // Not taken over at once: two who both find its owner gone must not both have it.
    if (!isAlive(ownerOf(file))) rmSync(file, { force: true });
    return false;
  }
  claimed.add(file);
  return true;
}

/** Once in a process: processes that were killed have left their claims. */
function prepare(): void {
  if (isPrepared) return;
  isPrepared = true;
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (!isAlive(ownerOf(file))) rmSync(file, { force: true });
  }
  process.once("exit", release);
}

function release(): void {
  for (const file of claimed) rmSync(file, { force: true });
}

/** Without a number in it somebody is writing it now: the owner lives. */
function ownerOf(file: string): number {
  try {
    return Number(readFileSync(file, "utf8")) || process.pid;
  } catch {
    return process.pid;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
