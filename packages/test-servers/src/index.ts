export { answerCalls, hangUp, notifyParent, RemoteError } from "./calls.js";
export { remoteControl, type ServedControl, serveControl } from "./control.js";
export { addonMissing, type EnsureReport, ensureInstalled } from "./ensure.js";
export type { EtcdOptions } from "./etcd.js";
export { type EtcdCluster, startEtcdCluster } from "./etcd-cluster.js";
export { freePort } from "./ports.js";
export type { Exit } from "./process.js";
export { type FaultProxy, type ProxyOptions, startProxy, type Traffic } from "./proxy.js";
export type { Direction } from "./proxy-flow.js";
export type { ReplyMatch } from "./proxy-replies.js";
export type { RedisOptions } from "./redis.js";
export { ask } from "./redis-ask.js";
export { type ClockedRedis, faketimeMissing, startClockedRedis } from "./redis-clock.js";
export { type RedisCluster, type RedisClusterOptions, startRedisCluster } from "./redis-cluster.js";
export type { RedisGroupOptions } from "./redis-group.js";
export { type RedisSentinels, type RedisSentinelsOptions, startRedisSentinels } from "./redis-sentinel.js";
export type { Control, Origin, RestartOptions, StartOptions, TestServer } from "./server.js";
export { type ChildHandle, type SpawnNodeOptions, spawnNode, type WaitOptions } from "./spawn-node.js";
export {
  type Kind,
  type OptionsByKind,
  startEtcd,
  startRedis,
  startServer,
  startZooKeeper,
} from "./start.js";
export { fourLetterWord, type ZooKeeperOptions } from "./zookeeper.js";
export {
  startZooKeeperEnsemble,
  type ZooKeeperEnsemble,
  type ZooKeeperEnsembleOptions,
} from "./zookeeper-ensemble.js";
