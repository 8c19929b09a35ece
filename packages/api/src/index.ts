export type { Capabilities } from "./backend/backend.js";
export type { Child, ChildNode, Node } from "./backend/operations.js";
export { type ConnectOptions, connect } from "./connect.js";
export { Coordinator } from "./coordinator.js";
export { ConclaveError, type ErrorCode, type Outcome } from "./errors.js";
export type { Change } from "./internal/changes.js";
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
export {
  Acquirable,
  type AcquireOptions,
  type Contender,
  type TryAcquireOptions,
} from "./recipes/acquirable.js";
export { Barrier } from "./recipes/barrier.js";
export { BarrierRound } from "./recipes/barrier-round.js";
export { Config, type ConfigOptions, type Versioned } from "./recipes/config.js";
export { Counter } from "./recipes/counter.js";
export { type DeadLetter, DeadLetters, type RequeueOptions } from "./recipes/dead-letters.js";
export { Discovery, type ViewOptions } from "./recipes/discovery.js";
export { DoubleBarrier, type DoubleBarrierOptions } from "./recipes/double-barrier.js";
export { type CampaignOptions, Election, type Leader, type LeadOptions } from "./recipes/election.js";
export { Group, type JoinOptions } from "./recipes/group.js";
export { GroupView } from "./recipes/group-view.js";
export { Hold } from "./recipes/hold.js";
export type { Instance, InstanceDescription } from "./recipes/instance.js";
export { Leadership } from "./recipes/leadership.js";
export { type ConfigState, LiveConfig } from "./recipes/live-config.js";
export { LiveView } from "./recipes/live-view.js";
export { Lock } from "./recipes/lock.js";
export { LockHold } from "./recipes/lock-hold.js";
export type { Member } from "./recipes/member.js";
export { Membership } from "./recipes/membership.js";
export { Partition } from "./recipes/partition.js";
export { Partitioner, type PartitionerOptions } from "./recipes/partitioner.js";
export { Permit } from "./recipes/permit.js";
export type { PickOptions, PickStrategy } from "./recipes/pick.js";
export { type ReadWriteContender, ReadWriteLock } from "./recipes/read-write-lock.js";
export { Registration } from "./recipes/registration.js";
export { Semaphore, type SemaphoreOptions } from "./recipes/semaphore.js";
export { ServiceView } from "./recipes/service-view.js";
export type {
  SchemaInput,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
} from "./recipes/standard-schema.js";
export { type AcknowledgeOptions, Task } from "./recipes/task.js";
export { type PutOptions, type QueueSize, WorkQueue, type WorkQueueOptions } from "./recipes/work-queue.js";
export { Session } from "./session.js";
