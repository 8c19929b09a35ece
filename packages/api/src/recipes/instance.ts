import { randomUUID } from "node:crypto";
import type { Node } from "../backend/operations.js";
import { ConclaveError } from "../errors.js";
import { checkOptions, checkSegment, toBytes } from "../internal/check.js";

/** What a process says of itself when it registers. */
export interface InstanceDescription {
  /** The service: one segment of a path. */
  readonly name: string;
  /** Tells this instance from the others of its service: one segment of a path. Default: a random one. */
  readonly id?: string | undefined;
  readonly address: string;
  /** 1 to 65,535. */
  readonly port: number;
  /** Anything that JSON can express. */
  readonly metadata?: unknown;
}

/** One instance of a service. */
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

/** Validates a description and completes it. */
export function instanceOf(description: InstanceDescription): Instance {
  const { name, id = randomUUID(), address, port, metadata } = description;
  checkSegment(name);
  checkSegment(id);
  if (typeof address !== "string" || address === "") {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `register: address must be a string that is not empty, not ${String(address)}`,
    );
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `register: port must be a whole number from 1 to 65535, not ${String(port)}`,
    );
  }
  return { name, id, address, port, metadata };
}

/** The payload of an instance's node. Throws `INVALID_ARGUMENT` for metadata that JSON cannot express, `DATA_TOO_LARGE`. */
export function encode(instance: Instance, path: string): Uint8Array {
  let text: string;
  try {
    text = JSON.stringify(instance);
  } catch (cause) {
    throw new ConclaveError("INVALID_ARGUMENT", "register: JSON cannot express the metadata", {
      path,
      cause,
    });
  }
  return toBytes(text, path);
}

/** The instance that a node describes; `undefined` when its payload is not one. */
export function decode(service: string, id: string, node: Node): Instance | undefined {
  try {
    const { address, port, metadata } = JSON.parse(new TextDecoder().decode(node.data)) as Partial<Instance>;
    if (typeof address !== "string" || typeof port !== "number") return undefined;
    return { name: service, id, address, port, metadata };
  } catch {
    return undefined;
  }
}
