export { zookeeper } from "./backend.js";
export type { Auth } from "./driver.js";
export type { ZooKeeperOptions } from "./options.js";
