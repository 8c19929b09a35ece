import { etcd } from "@conclave/backend-etcd";
import { startEtcd } from "@conclave/test-servers";
import { compileGo, electionCases, interop, lockCases, setUpInterop } from "@conclave/test-servers/interop";
import { afterAll, afterEach, beforeAll, describe, it } from "vitest";

const reportFolder = new URL("../../../.conformance/interop", import.meta.url).pathname;
const source = new URL("./interop/main.go", import.meta.url);

interop(
  { runner: { describe, it, afterAll }, store: "etcd", program: "go-etcd", reportFolder },
  (register, found) => {
    const setting = setUpInterop({
      start: () => startEtcd(),
      backend: (hosts) => etcd({ hosts }),
      holder: new URL("./fixtures/holder.mjs", import.meta.url),
      namespace: "/interop",
      prepare: async () => {
        const file = await compileGo(source, found());
        return (url, sessionTimeoutMs) => ({ file, args: [url, String(sessionTimeoutMs / 1_000)] });
      },
    });
    // Compiling etcd's client for the first time on a machine takes its time.
    beforeAll(setting.beforeAll, 300_000);
    afterEach(setting.afterEach);
    afterAll(setting.afterAll);

    lockCases(register, setting);
    electionCases(register, setting);
  },
);
