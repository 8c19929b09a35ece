import { randomUUID } from "node:crypto";
import type { Node } from "../../backend/operations.js";
import { showOption } from "../../backend/options.js";
import { ConclaveError } from "../../errors.js";
import { checkOptions, checkSegment, toBytes } from "../../internal/check.js";

/** What a process says of itself when it registers. */
export interface InstanceDescription {
  /** The service: one segment of a path. */
  readonly name: string;
  /** Tells this instance from the others of its service: one segment of a path. Default: a random one. */
  readonly id?: string | undefined;
  readonly address: string;
  /** 1 to 65,535. */
  readonly port: number;
  /** Anything that JSON can express; copied. */
  readonly metadata?: unknown;
}

/** One instance of a service, frozen. */
export interface Instance {
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly metadata: unknown;
}

/** Throws `INVALID_ARGUMENT` for what is no object, or has fields that nobody asked for. */
export function checkDescription(where: string, description: object, known: readonly string[]): void {
  if (description === undefined) {
    throw new ConclaveError("INVALID_ARGUMENT", `${where}: takes an object, not undefined`);
  }
  checkOptions(where, description, known);
}

/** Validates a description and completes it. What the caller does to the metadata afterwards changes nothing. */
export function instanceOf(where: string, description: InstanceDescription): Instance {
  const { name, id = randomUUID(), address, port, metadata } = description;
  checkSegment(name);
  checkSegment(id);
  if (!isAddress(address)) {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `${where}: address must be a string that is not empty, not ${showOption(address)}`,
    );
  }
  if (!isPort(port)) {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `${where}: port must be a whole number from 1 to 65535, not ${showOption(port)}`,
    );
  }
  return Object.freeze({ name, id, address, port, metadata: plain(where, metadata) });
}

function isAddress(address: unknown): address is string {
  return typeof address === "string" && address !== "";
}

function isPort(port: unknown): port is number {
  return typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** A frozen copy of what JSON keeps of `value`. */
function plain(where: string, value: unknown): unknown {
  if (value === undefined) return undefined;
  let cause: unknown;
  try {
    const text: string | undefined = JSON.stringify(value);
    if (text !== undefined) return parse(text);
  } catch (error) {
    cause = error;
  }
  throw new ConclaveError("INVALID_ARGUMENT", `${where}: JSON cannot express the metadata`, { cause });
}

/** Frozen, since all who read an instance share it. */
function parse(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) => Object.freeze(value));
}

/**
 * The data of an instance's node: JSON as Apache Curator's `ServiceInstance` writes it (INTEROP-1), with no field that is not
 * Curator's, since old versions refuse them. Throws `DATA_TOO_LARGE`.
 */
export function encode({ metadata, ...fields }: Instance, path: string): Uint8Array {
  const payload = Array.isArray(metadata) ? [JAVA_LIST, metadata] : metadata;
  return toBytes(JSON.stringify({ ...fields, serviceType: "DYNAMIC", payload }), path);
}

/** The instance that a node describes; `undefined` when its data is not one, or says that it is not to be used. */
export function decode(service: string, id: string, node: Node): Instance | undefined {
  try {
    const { address, port, payload, enabled } = parse(new TextDecoder().decode(node.data)) as Wire;
    if (!isAddress(address) || !isPort(port) || enabled === false) return undefined;
    return Object.freeze({ name: service, id, address, port, metadata: fromPayload(payload) });
  } catch {
    return undefined;
  }
}

/** What may be read; anybody may have written it. */
interface Wire {
  readonly address?: unknown;
  readonly port?: unknown;
  readonly payload?: unknown;
  readonly enabled?: unknown;
}

/** An array in the place of a payload is to Curator's Jackson a value with its Java type in front of it. */
const JAVA_LIST = "java.util.ArrayList";

function fromPayload(payload: unknown): unknown {
  return Array.isArray(payload) ? payload[1] : payload;
}
