/** The in-memory backend: the reference model of the contract, with a virtual clock and faults on demand. */
export { type MemoryBackend, memory } from "./backend.js";
export { MemoryCluster } from "./cluster.js";
export type { BlackHoleOptions, Faults } from "./faults.js";
export type { MemoryClusterOptions, MemoryOptions } from "./options.js";
export type { RequestCounts, RequestMethod } from "./requests.js";
export { VirtualClock } from "./virtual-clock.js";
