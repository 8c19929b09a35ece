import { execFileSync } from "node:child_process";

/** Bytes that each TCP connection of this process to `port` has received, by its local port. */
export function receivedBytes(port: string): Map<string, number> {
  const output = execFileSync("ss", ["-tinpHO", `dport = :${port}`], { encoding: "utf8" });
  const result = new Map<string, number>();
  for (const line of output.split("\n")) {
    if (!line.includes(`pid=${process.pid},`)) continue;
    // The first address is the local one.
    const localPort = /\s\S+:(\d+)\s/.exec(line)?.[1];
    const bytes = /\bbytes_received:(\d+)/.exec(line)?.[1];
    if (localPort !== undefined) result.set(localPort, Number(bytes ?? 0));
  }
  return result;
}
