import type { ICallable } from "etcd3";

/*
 * What is used of gRPC, taken from etcd3's own types: no second copy of the gRPC package can get in between.
 */

type CallArguments = Parameters<Parameters<ICallable<unknown>["withConnection"]>[1]>[0];
export type GrpcClient = CallArguments["client"];
export type GrpcMetadata = CallArguments["metadata"];

export interface GrpcError extends Error {
  readonly code: number;
  readonly details: string;
}

export interface GrpcCall {
  cancel(): void;
}

type UnaryMethod = (
  this: GrpcClient,
  request: unknown,
  metadata: GrpcMetadata,
  options: object,
  done: (error: GrpcError | null, response: unknown) => void,
) => GrpcCall;

/** Calls a method that the proto file adds to the client, which the types don't show. */
export function callUnary(
  client: GrpcClient,
  method: string,
  request: unknown,
  metadata: GrpcMetadata,
  done: (error: GrpcError | null, response: unknown) => void,
): GrpcCall {
  const run: UnaryMethod = Reflect.get(client, method);
  return run.call(client, request, metadata, {}, done);
}

/** gRPC's connectivity states: https://grpc.github.io/grpc/core/md_doc_connectivity-semantics-and-api.html */
export const READY = 2;
export const TRANSIENT_FAILURE = 3;

/** gRPC's status codes: https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const Status = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

export function isGrpcError(error: unknown): error is GrpcError {
  return error instanceof Error && typeof Reflect.get(error, "code") === "number";
}
