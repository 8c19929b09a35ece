export {
  Client,
  type ClientOptions,
  type ClientState,
  connect,
  type StreamOptions,
  type WatchedReadOptions,
} from "./client.js";
export { Code, type CodeName } from "./codes.js";
export { type Address, parseConnectString, type Servers } from "./connect-string.js";
export { Connection, type ReadOptions, type WatcherKind, type WatchMode } from "./connection.js";
export type { CreateOptions } from "./create-mode.js";
export type { TlsOptions } from "./dial.js";
export type { SaslCredentials } from "./digest-md5.js";
export { ConnectionError, type ConnectionErrorCode, type Outcome, ZooKeeperError } from "./errors.js";
export type { WatchEvent, WatchEventType } from "./events.js";
export type {
  CheckOperation,
  CreateOperation,
  DeleteOperation,
  MultiOperation,
  MultiResult,
  ReadOperation,
  ReadResult,
  SetOperation,
} from "./multi.js";
export {
  type ConnectionObserver,
  type ConnectionOptions,
  type Credentials,
  type Limits,
  openConnection,
} from "./open-connection.js";
export type { Operations } from "./operations.js";
export {
  type AclEntry,
  CREATOR_ACL,
  type Created,
  type Identity,
  type NodeAcl,
  type NodeChildren,
  type NodeData,
  OPEN_ACL,
  Permission,
  READ_ACL,
  type Stat,
} from "./records.js";
export { Session, type SessionKey } from "./session.js";
export type { StandingWatches } from "./set-watches.js";
export { type GapEvent, type StreamEvent, WatchStream } from "./watch-stream.js";
export type { WatchListener } from "./watches.js";
