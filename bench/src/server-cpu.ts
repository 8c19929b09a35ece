import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"]).toString());

/** Microseconds that this process's children, which are the servers that it started, kept a core busy, in steps of 10,000. */
export function serverCpuUs(): number {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim();
  if (children === "") return Number.NaN;
  return children.split(" ").reduce((sum, pid) => sum + cpuUsOf(pid), 0);
}

function cpuUsOf(pid: string): number {
  // The second field, in brackets, may have spaces. See proc(5).
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const [user, system] = [fields[11], fields[12]];
  return ((Number(user) + Number(system)) / TICKS_PER_SECOND) * 1e6;
}
