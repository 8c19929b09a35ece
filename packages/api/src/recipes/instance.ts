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

/**
 * The data of an instance's node: JSON as Apache Curator's `ServiceInstance` writes it (INTEROP-1), with no field that is not
 * Curator's, since old versions refuse them. Throws `INVALID_ARGUMENT` for metadata that JSON cannot express, `DATA_TOO_LARGE`.
 */
export function encode({ metadata, ...fields }: Instance, path: string): Uint8Array {
  let text: string;
  try {
    text = JSON.stringify({ ...fields, serviceType: "DYNAMIC", payload: toPayload(metadata) });
  } catch (cause) {
    throw new ConclaveError("INVALID_ARGUMENT", "register: JSON cannot express the metadata", {
      path,
      cause,
    });
  }
  return toBytes(text, path);
}

/** The instance that a node describes; `undefined` when its data is not one, or says that it is not to be used. */
export function decode(service: string, id: string, node: Node): Instance | undefined {
  try {
    const { address, port, payload, enabled } = JSON.parse(new TextDecoder().decode(node.data)) as Wire;
    if (typeof address !== "string" || typeof port !== "number" || enabled === false) return undefined;
    return { name: service, id, address, port, metadata: fromPayload(payload) };
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

function toPayload(metadata: unknown): unknown {
  const text = JSON.stringify(metadata);
  const plain: unknown = text === undefined ? undefined : JSON.parse(text);
  return Array.isArray(plain) ? [JAVA_LIST, plain] : plain;
}

function fromPayload(payload: unknown): unknown {
  return Array.isArray(payload) ? payload[1] : payload;
}
