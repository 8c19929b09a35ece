export type { EtcdOptions } from "./etcd.js";
export { type Proxy, type ProxyOptions, startProxy } from "./proxy.js";
export type { Control, Origin, RestartOptions, StartOptions, TestServer } from "./server.js";
export { type Kind, type OptionsByKind, startEtcd, startServer, startZooKeeper } from "./start.js";
export type { ZooKeeperOptions } from "./zookeeper.js";
