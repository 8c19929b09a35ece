import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { Control, RestartOptions, TestServer } from "./server.js";

/** A control that is reachable from other processes and threads. */
export interface ServedControl {
  /** For `remoteControl`. Holds a secret, and is good on this machine only. */
  readonly url: string;
  close(): Promise<void>;
}

/** Offers a server's control on a loopback port: to be called where the server was started. */
export async function serveControl(server: Pick<TestServer, "kind" | "control">): Promise<ServedControl> {
  const { control } = server;
  if (control === undefined) throw new Error(`this ${server.kind} is not ours to control`);
  const secret = randomUUID();
  const http = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
    const known = request.method === "POST" && pathname.startsWith(`/${secret}/`);
    const action = known ? pathname.slice(secret.length + 2) : "";
    const done = perform(control, action, searchParams.get("signal"));
    if (done === undefined) {
      response.writeHead(404).end();
      return;
    }
    done.then(
      () => response.writeHead(204).end(),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen({ port: 0, host: "127.0.0.1" }, resolve);
  });
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("the control has no port");
  let closed: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${address.port}/${secret}`,
    close: () => {
      closed ??= new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      });
      return closed;
    },
  };
}

/** Controls a server that another process of this machine has started. Rejects with that process's error. */
export function remoteControl(url: string): Control {
  const post = async (action: string): Promise<void> => {
    // One connection per call: a pooled one would keep the caller's process alive for a while.
    const response = await fetch(`${url}/${action}`, { method: "POST", headers: { connection: "close" } });
    const text = await response.text();
    if (!response.ok) throw new Error(`${action} failed: ${text === "" ? `HTTP ${response.status}` : text}`);
  };
  return {
    pause: () => post("pause"),
    resume: () => post("resume"),
    kill: () => post("kill"),
    restart: ({ signal = "SIGKILL" }: RestartOptions = {}) => post(`restart?signal=${signal}`),
  };
}

function perform(control: Control, action: string, signal: string | null): Promise<void> | undefined {
  switch (action) {
    case "pause":
      return control.pause();
    case "resume":
      return control.resume();
    case "kill":
      return control.kill();
    case "restart":
      return control.restart({ signal: signal === "SIGTERM" ? "SIGTERM" : "SIGKILL" });
    default:
      return undefined;
  }
}
