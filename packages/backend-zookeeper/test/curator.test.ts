import { zookeeper } from "@conclave/backend-zookeeper";
import { startZooKeeper } from "@conclave/test-servers";
import { compileJava, electionCases, interop, lockCases, setUpInterop } from "@conclave/test-servers/interop";
import { afterAll, afterEach, beforeAll, describe, it } from "vitest";
import { containerCases } from "./interop/container-cases.js";
import { discoveryCases } from "./interop/discovery-cases.js";
import { mutexCases } from "./interop/mutex-cases.js";
import { readWriteCases } from "./interop/read-write-cases.js";

const reportFolder = new URL("../../../.conformance/interop", import.meta.url).pathname;
const source = new URL("./interop/CuratorPeer.java", import.meta.url);

interop(
  { runner: { describe, it, afterAll }, store: "zookeeper", program: "curator", reportFolder },
  (register, found) => {
    const setting = setUpInterop({
      start: () =>
        startZooKeeper({
          controllable: true,
          maxSessionTimeoutMs: 60_000,
          // How soon the server deletes an empty container, of which Curator's parents are made: once a minute is its default.
          jvmArgs: ["-Dznode.container.checkIntervalMs=20"],
        }),
      backend: (hosts) => zookeeper({ hosts }),
      holder: new URL("./fixtures/holder.mjs", import.meta.url),
      namespace: "/interop",
      prepare: async () => {
        const { command, libraries } = found();
        const classes = await compileJava(source, found());
        return (url, sessionTimeoutMs) => ({
          file: command,
          args: [
            ...["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"],
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
            ...["-cp", `${classes}:${libraries}`, "CuratorPeer"],
            ...[url, String(sessionTimeoutMs)],
          ],
        });
      },
    });
    beforeAll(setting.beforeAll);
    afterEach(setting.afterEach);
    afterAll(setting.afterAll);

    lockCases(register, setting);
    electionCases(register, setting);

    mutexCases(register, setting);
    readWriteCases(register, setting);
    containerCases(register, setting);
    discoveryCases(register, setting);
  },
);
