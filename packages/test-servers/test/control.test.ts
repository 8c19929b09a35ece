import { Worker } from "node:worker_threads";
import {
  remoteControl,
  type ServedControl,
  serveControl,
  startEtcd,
  type TestServer,
} from "@conclave/test-servers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { get, put } from "./etcd-http.js";
import { reachability } from "./helpers.js";

let server: TestServer;
let served: ServedControl;

beforeAll(async () => {
  server = await startEtcd({ controllable: true });
  served = await serveControl(server);
});

afterAll(async () => {
  await served.close();
  await server.stop();
});

it("kills and restarts", async () => {
  const control = remoteControl(served.url);
  await put(server.url, "/kept", "yes");
  await control.kill();
  expect(await reachability(server)).toBe("ECONNREFUSED");
  await control.restart({ signal: "SIGTERM" });
  expect(await get(server.url, "/kept")).toBe("yes");
});

it("pauses and resumes", async () => {
  const control = remoteControl(served.url);
  await control.pause();
  await expect(get(server.url, "/kept", AbortSignal.timeout(200))).rejects.toThrow();
  await control.resume();
  await get(server.url, "/kept");
});

it("works from another thread", async () => {
  const worker = new Worker(new URL("./fixtures/restarts.mjs", import.meta.url), { workerData: served.url });
  const code = await new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("exit", resolve);
  });
  expect(code).toBe(0);
  expect(await reachability(server)).toBe("ECONNREFUSED");
  await remoteControl(served.url).restart();
});

it("does nothing for those who don't know the secret", async () => {
  const { origin } = new URL(served.url);
  await expect(remoteControl(origin).kill()).rejects.toThrow("404");
  await expect(remoteControl(`${origin}/00000000-0000-0000-0000-000000000000`).kill()).rejects.toThrow("404");
  expect((await fetch(`${served.url}/kill`)).status).toBe(404);
  expect((await fetch(`${served.url}/explode`, { method: "POST" })).status).toBe(404);
  expect(await reachability(server)).toBe("open");
});

it("reports the error of the other side", async () => {
  const other = await startEtcd({ controllable: true });
  const control = await serveControl(other);
  await other.stop();
  await expect(remoteControl(control.url).restart()).rejects.toThrow("stopped for good");
  await control.close();
  await control.close();
});

it("is not offered for a server that is not ours", async () => {
  await expect(serveControl({ kind: "etcd", control: undefined })).rejects.toThrow("not ours");
});
