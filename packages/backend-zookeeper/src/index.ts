export { zookeeper } from "./backend.js";
export type { AclEntry, Auth, Sasl, Tls } from "./driver.js";
export type { DriverName, ZooKeeperOptions } from "./options.js";
export type { Acl } from "./security.js";
