/** Real servers as targets of the conformance suite. */
export { etcdWire } from "./etcd-wire.js";
export { serverOffers } from "./offers.js";
export { redisWire } from "./redis-wire.js";
export { type ServerTargetOptions, serverTarget } from "./server-target.js";
export { runProcess } from "./test-process.js";
export type { Wire } from "./wire.js";
export { zookeeperWire } from "./zookeeper-wire.js";
