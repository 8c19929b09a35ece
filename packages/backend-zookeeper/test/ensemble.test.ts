import { startZooKeeperEnsemble, type ZooKeeperEnsemble } from "@conclave/test-servers";
import { afterAll, beforeAll, describe } from "vitest";
import { memberCases } from "./ensemble/members.js";
import { quorumCases } from "./ensemble/quorum.js";
import { readCases } from "./ensemble/reads.js";
import { renewalCases } from "./ensemble/renewals.js";
import { rollingCases } from "./ensemble/rolling.js";

/* Three servers, of which one leads, and what becomes of clients when some of them fail. */

let ensemble: ZooKeeperEnsemble;
beforeAll(async () => {
  ensemble = await startZooKeeperEnsemble({ links: true, maxSessionTimeoutMs: 60_000 });
}, 90_000);
afterAll(() => ensemble?.stop());

const started = () => ensemble;
describe("reads", () => readCases(started));
describe("renewals", () => renewalCases(started));
describe("a member", () => memberCases(started));
describe("the quorum", () => quorumCases(started));
describe("a rolling restart", () => rollingCases(started));
