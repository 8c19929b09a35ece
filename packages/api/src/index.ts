// The types use Symbol.asyncDispose, whatever the `lib` of whoever imports them.
/// <reference lib="esnext.disposable" preserve="true" />
export type { Capabilities } from "./backend/backend.js";
export type { Child, ChildNode, Node } from "./backend/operations.js";
export { type ConnectOptions, connect } from "./connect.js";
export { Coordinator } from "./coordinator.js";
export { ConclaveError, type ErrorCode, type Outcome } from "./errors.js";
export { maxDataBytes } from "./internal/check.js";
export type { SessionState } from "./internal/lease.js";
export type { WaitOptions } from "./internal/wait.js";
export { NodeClient, type ReadCallOptions } from "./node-client.js";
export {
  type CallOptions,
  type Created,
  type CreateOptions,
  type Data,
  maxOperations,
  NodeWriter,
  type TransactionOperation,
  type VersionOptions,
  type Written,
} from "./node-writer.js";
export { Barrier } from "./recipes/barrier/barrier.js";
export { BarrierRound } from "./recipes/barrier/barrier-round.js";
export { DoubleBarrier, type DoubleBarrierOptions } from "./recipes/barrier/double-barrier.js";
export { Discovery, type ViewOptions } from "./recipes/discovery/discovery.js";
export type { Instance, InstanceDescription } from "./recipes/discovery/instance.js";
export type { PickOptions, PickStrategy } from "./recipes/discovery/pick.js";
export { Registration } from "./recipes/discovery/registration.js";
export { ServiceView } from "./recipes/discovery/service-view.js";
export {
  type CampaignOptions,
  Election,
  type Leader,
  type LeadOptions,
} from "./recipes/election/election.js";
export { Leadership } from "./recipes/election/leadership.js";
export { Group, type JoinOptions } from "./recipes/group/group.js";
export { GroupView } from "./recipes/group/group-view.js";
export type { Member } from "./recipes/group/member.js";
export { Membership } from "./recipes/group/membership.js";
export {
  Acquirable,
  type AcquireOptions,
  type Contender,
  type TryAcquireOptions,
} from "./recipes/lock/acquirable.js";
export { Lock } from "./recipes/lock/lock.js";
export { LockHold } from "./recipes/lock/lock-hold.js";
export { Permit } from "./recipes/lock/permit.js";
export { type ReadWriteContender, ReadWriteLock } from "./recipes/lock/read-write-lock.js";
export { Semaphore, type SemaphoreOptions } from "./recipes/lock/semaphore.js";
export { Partition } from "./recipes/partition/partition.js";
export { Partitioner, type PartitionerOptions } from "./recipes/partition/partitioner.js";
export { type DeadLetter, DeadLetters, type RequeueOptions } from "./recipes/queue/dead-letters.js";
export { type AcknowledgeOptions, Task } from "./recipes/queue/task.js";
export {
  type PutOptions,
  type QueueSize,
  WorkQueue,
  type WorkQueueOptions,
} from "./recipes/queue/work-queue.js";
export type { Change } from "./recipes/shared/changes.js";
export { Hold } from "./recipes/shared/hold.js";
export { LiveView } from "./recipes/shared/live-view.js";
export { Config, type ConfigOptions, type Versioned } from "./recipes/values/config.js";
export { Counter } from "./recipes/values/counter.js";
export { type ConfigState, LiveConfig } from "./recipes/values/live-config.js";
export type {
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
} from "./recipes/values/standard-schema.js";
export { Session } from "./session.js";
