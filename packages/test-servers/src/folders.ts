import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

/** A folder that is removed at the end of this process, at the latest. */
export interface TemporaryFolder {
  readonly path: string;
  remove(): void;
}

const folders = new Set<string>();
/* Containers may share /tmp, but don't share process ids. */
const PREFIX = `conclave-${hostname().replace(/[^A-Za-z0-9]/g, "_")}-`;

export function temporaryFolder(name: string): TemporaryFolder {
  removeOrphans();
  const path = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-${name}-`));
  folders.add(path);
  return {
    path,
    remove: () => {
      folders.delete(path);
      remove(path);
    },
  };
}

/** To be called when this process ends. */
export function removeFolders(): void {
  for (const path of folders) {
    try {
      remove(path);
    } catch {
      // The process is ending; whoever comes next removes it.
    }
  }
  folders.clear();
}

/* A process that was killed with SIGKILL could not clean up, and an etcd leaves over a hundred megabytes. */
function removeOrphans(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    try {
      remove(join(tmpdir(), name));
    } catch {
      // Somebody else's, or being removed by somebody else.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return Object(error).code !== "ESRCH";
  }
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}
