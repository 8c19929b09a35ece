export { etcd } from "./backend.js";
export type { EtcdOptions } from "./options.js";
