import { ConclaveError } from "@conclave/api/backend";

/** The errors of this store, each made in one place. */

export function noNode(path: string, operation?: number): ConclaveError {
  return new ConclaveError("NO_NODE", `no node at ${path}`, { path, operation });
}

export function noParent(parent: string, path: string, operation: number): ConclaveError {
  return new ConclaveError("NO_NODE", `no node at ${parent}, the parent of ${path}`, {
    path: parent,
    operation,
  });
}

export function nodeExists(path: string, operation: number): ConclaveError {
  return new ConclaveError("NODE_EXISTS", `there is a node at ${path}`, { path, operation });
}

export function badVersion(path: string, expected: number, actual: number, operation: number): ConclaveError {
  const message = `${path} has version ${actual}, not ${expected}`;
  return new ConclaveError("BAD_VERSION", message, { path, operation });
}

export function notEmpty(path: string, operation: number): ConclaveError {
  return new ConclaveError("NOT_EMPTY", `${path} has children`, { path, operation });
}

export function ephemeralParent(parent: string, operation?: number): ConclaveError {
  const message = `${parent} is ephemeral and takes no children`;
  return new ConclaveError("EPHEMERAL_PARENT", message, { path: parent, operation });
}

export function rootStays(operation: number): ConclaveError {
  return new ConclaveError("INVALID_ARGUMENT", "the root is never deleted", { path: "/", operation });
}

export function notHeld(path: string): ConclaveError {
  return new ConclaveError("NOT_HELD", `${path} no longer stands for this session`, { path });
}

export function sessionLost(id: string, cause: string): ConclaveError {
  return new ConclaveError("SESSION_LOST", `session ${id} is over: ${cause}`);
}

/** The request may have reached the store. */
export function replyLost(cause: string): ConclaveError {
  return new ConclaveError("CONNECTION_LOST", `memory: ${cause}`, { outcome: "unknown" });
}

/** The request was certainly not applied. */
export function notSent(cause: string): ConclaveError {
  return new ConclaveError("CONNECTION_LOST", `memory: ${cause}`);
}

export function connectFailed(cause: string): ConclaveError {
  return new ConclaveError("CONNECT_FAILED", `memory: ${cause}`);
}
