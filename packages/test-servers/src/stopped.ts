import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Resolves when a process to which SIGSTOP was sent runs no more: the signal takes effect a moment after it was sent, thread by
 * thread. Where there is no /proc, at once.
 */
export async function stopped(pid: number): Promise<void> {
  while (isRunning(pid)) await sleep(1);
}

function isRunning(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return false;
  return readdirSync(tasks).some((task) => {
    const state = stateOf(`${tasks}/${task}/stat`);
    return state !== undefined && !["T", "t", "Z", "X"].includes(state);
  });
}

/** The third field, after the name, which may have any characters and stands in parentheses. */
function stateOf(file: string): string | undefined {
  try {
    const stat = readFileSync(file, "utf8");
    return stat[stat.lastIndexOf(")") + 2];
  } catch {
    return undefined;
  }
}
