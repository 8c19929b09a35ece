/** For tests of a backend by itself, below the facade: sessions of one server, with a proxy before it, and what is asked of them. */
export { type Facts, facts } from "./facts.js";
export { Listing } from "./listing.js";
export { type LostReplySetting, lostReplyCases } from "./lost-reply-cases.js";
export { bytes, check, create, linearizable, nearest, remove, set, text } from "./operations.js";
export { errorOf, eventually } from "./outcomes.js";
export { type Opened, type OpenSettings, type Setting, type SetUpOptions, setUpSessions } from "./set-up.js";
