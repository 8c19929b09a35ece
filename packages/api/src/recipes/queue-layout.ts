import { ConclaveError } from "../errors.js";
import { checkPath, maxDataBytes, toBytes } from "../internal/check.js";
import type { Data } from "../node-writer.js";

/** The least urgent priority; 0 is the most urgent. */
export const lastPriority = 999;
const priorityDigits = 3;
const taskName = /^(\d{3})-/;

/** How often a task was handed out: a line of digits before its data. */
const header = /^(\d{1,9})\n/;
const longestHeader = 10;
/** The most bytes that the data of a task may have: what a node holds, less the line that counts attempts. */
export const maxTaskBytes = maxDataBytes - longestHeader;

/** What a store adds to the name of a sequential node, at most. */
const longestName = 64;

/**
 * Where a queue keeps what: `tasks/<priority>-<sequential>` persistent, `claims/<id>` ephemeral, `dead/<id>` persistent. An id is
 * the name of the task's node; sequential names never come back.
 */
export class QueueLayout {
  readonly tasks: string;
  readonly claims: string;
  readonly dead: string;

  constructor(path: string) {
    checkPath(path);
    const root = path === "/" ? "" : path;
    this.tasks = `${root}/tasks`;
    this.claims = `${root}/claims`;
    this.dead = `${root}/dead`;
    checkPath(this.claim("x".repeat(longestName)));
  }

  /** The path from which a sequential node makes a task of this priority. */
  newTask(priority: number): string {
    return `${this.tasks}/${String(priority).padStart(priorityDigits, "0")}-`;
  }

  task(id: string): string {
    return `${this.tasks}/${id}`;
  }

  claim(id: string): string {
    return `${this.claims}/${id}`;
  }

  deadLetter(id: string): string {
    return `${this.dead}/${id}`;
  }
}

/** The priority of a task; `undefined` when the name is not that of one. */
export function priorityOf(name: string): number | undefined {
  const digits = taskName.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Throws `INVALID_ARGUMENT` unless `priority` is one. */
export function checkPriority(where: string, priority: number): void {
  if (!Number.isInteger(priority) || priority < 0 || priority > lastPriority) {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `${where}: priority must be a whole number from 0 to ${lastPriority}, not ${String(priority)}`,
    );
  }
}

/** A private copy of a task's data as bytes. Throws `DATA_TOO_LARGE`, `INVALID_ARGUMENT`. */
export function taskBytes(data: Data, path: string): Uint8Array {
  const bytes = toBytes(data, path);
  if (bytes.length > maxTaskBytes) {
    throw new ConclaveError(
      "DATA_TOO_LARGE",
      `${bytes.length} bytes of data, at most ${maxTaskBytes} fit a task`,
      { path },
    );
  }
  return bytes;
}

export interface TaskRecord {
  /** How often it was handed out and not given back unused. */
  readonly attempts: number;
  readonly data: Uint8Array;
}

/** What the node of a task or a dead letter holds. */
export function encodeRecord({ attempts, data }: TaskRecord): Uint8Array {
  const line = new TextEncoder().encode(`${attempts}\n`);
  const bytes = new Uint8Array(line.length + data.length);
  bytes.set(line);
  bytes.set(data, line.length);
  return bytes;
}

/** What a node says. Data without the line that counts attempts, as another program may put it, is that of a new task. */
export function decodeRecord(bytes: Uint8Array): TaskRecord {
  const start = String.fromCharCode(...bytes.subarray(0, longestHeader));
  const [line, digits] = header.exec(start) ?? ["", "0"];
  return { attempts: Number(digits), data: bytes.slice(line.length) };
}
