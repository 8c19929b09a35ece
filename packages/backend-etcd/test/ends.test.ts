import { fileURLToPath } from "node:url";
import { spawnNode } from "@conclave/test-servers";
import { expect, test } from "vitest";
import { setUp } from "./helpers.js";

const setting = setUp();
const fixture = fileURLToPath(new URL("./fixtures/uses-etcd.js", import.meta.url));

test.each(["close", "abandon", "cut-off", "refused", "reconnecting", "aborted"])(
  "a process ends by itself after: %s",
  async (how) => {
    const child = spawnNode(fixture, {
      env: { HOSTS: setting.server.url, PROXY: setting.proxy.url, NAMESPACE: setting.namespace, HOW: how },
    });
    await child.line(/^ready$/);
    if (how === "cut-off") setting.proxy.blackHole();
    if (how === "reconnecting") await setting.proxy.refuse();
    child.send("go");
    expect(await child.exit).toEqual({ code: 0, signal: null });
    expect(child.stderr).toEqual([]);
    expect(child.stdout).toEqual(["ready", "done"]);
  },
);
