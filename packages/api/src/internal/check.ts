import { rejectUnknownOptions, showOption } from "../backend/options.js";
import { ConclaveError } from "../errors.js";

/** The most bytes that a node's data may have, on every backend (NODE-9). */
export const maxDataBytes = 1_000_000;
/** The most UTF-16 code units that a path may have (NODE-8). */
export const maxPathLength = 1_000;
/** Longest delay that a timer can express. */
export const maxDurationMs = 2_147_483_647;

// Control characters, private use, specials and whatever needs surrogates: what ZooKeeper refuses, refused everywhere.
const forbidden = /[\p{Cc}\p{Cs}\p{Co}\ufff0-\uffff\u{10000}-\u{10ffff}]/u;
const wellFormed = /^(?:\/[^/]+)+$/;
const dotSegment = /\/\.\.?(?:\/|$)/;

function showPath(path: unknown): string {
  return typeof path === "string" ? JSON.stringify(path.slice(0, 200)) : showOption(path);
}

function invalidPath(path: unknown, rule: string): ConclaveError {
  const shown = showPath(path);
  return new ConclaveError("INVALID_PATH", `invalid path ${shown}: ${rule}`, {
    path: typeof path === "string" ? path : undefined,
  });
}

/** Throws `INVALID_PATH` unless `path` is a node's path (NODE-8). */
export function checkPath(path: string): void {
  if (typeof path !== "string") throw invalidPath(path, "must be a string");
  if (path === "/") return;
  if (path.length > maxPathLength) throw invalidPath(path, `longer than ${maxPathLength} characters`);
  if (!wellFormed.test(path)) {
    throw invalidPath(path, 'must be "/" or begin with "/", with no empty segment and no "/" at the end');
  }
  if (path.includes("/.") && dotSegment.test(path)) {
    throw invalidPath(path, 'must not have "." or ".." as a segment');
  }
  if (forbidden.test(path)) {
    throw invalidPath(
      path,
      "must not have control, private-use or special characters, nor any beyond U+FFFF",
    );
  }
}

/** As `checkPath`, for the beginning of a sequential node's path: the last segment may be empty. */
export function checkSequentialPath(path: string): void {
  checkPath(typeof path === "string" && path.endsWith("/") ? `${path}x` : path);
}

/** Throws `INVALID_PATH` unless `name` can stand as one segment of a path. */
export function checkSegment(name: string): void {
  if (typeof name !== "string" || name === "" || name.includes("/")) {
    throw new ConclaveError("INVALID_PATH", `invalid name ${showPath(name)}: must be one segment of a path`);
  }
  checkPath(`/${name}`);
}

const noBytes = new Uint8Array(0);

/** A private copy of `data` as bytes, so that the caller may reuse its buffer; throws `DATA_TOO_LARGE`. */
export function toBytes(data: Uint8Array | string, path: string): Uint8Array {
  if (data === "") return noBytes;
  let bytes: Uint8Array;
  if (typeof data === "string") bytes = new TextEncoder().encode(data);
  else if (data instanceof Uint8Array) bytes = Uint8Array.prototype.slice.call(data);
  else
    throw new ConclaveError("INVALID_ARGUMENT", `data must be a Uint8Array or a string, not ${typeof data}`, {
      path,
    });
  if (bytes.length > maxDataBytes) {
    throw new ConclaveError(
      "DATA_TOO_LARGE",
      `${bytes.length} bytes of data, at most ${maxDataBytes} fit a node`,
      { path },
    );
  }
  return bytes;
}

/** Throws `INVALID_ARGUMENT` unless `version` is a whole number from 0 on, or absent. */
export function checkVersion(version: number | undefined, path: string): void {
  if (version !== undefined && !(Number.isSafeInteger(version) && version >= 0)) {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `ifVersion must be a whole number from 0 on, not ${version}`,
      { path },
    );
  }
}

/** Throws `INVALID_ARGUMENT` unless `value` is a duration in milliseconds between `min` and what a timer can express. */
export function checkDuration(name: string, value: number, min: number): void {
  if (typeof value !== "number" || !(value >= min && value <= maxDurationMs)) {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `${name} must be a number of milliseconds from ${min} to ${maxDurationMs}, not ${showOption(value)}`,
    );
  }
}

/** Throws `INVALID_ARGUMENT` for anything but an options object with known names and, if given, a real `AbortSignal`. */
export function checkOptions(where: string, options: object | undefined, known: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `${where}: options must be an object, not ${String(options)}`,
    );
  }
  rejectUnknownOptions(where, options, known);
  const { signal } = options as { signal?: unknown };
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `${where}: signal must be an AbortSignal, not ${String(signal)}`,
    );
  }
}
