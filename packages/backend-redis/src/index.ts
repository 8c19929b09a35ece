export { redis } from "./backend.js";
export type { Persistence, RedisOptions } from "./options.js";
