import { request } from "node:http";
import { freePort } from "./ports.js";
import { waitUntilReady } from "./ready.js";
import type { ServerKind, StartOptions, TestServer } from "./server.js";

const PING_TIMEOUT_MS = 1_000;
const PORT_ATTEMPTS = 3;

let answer: Promise<boolean> | undefined;

/** Whether a Docker daemon answers, at DOCKER_HOST or the usual socket. Asked once per process. */
export function dockerAnswers(): Promise<boolean> {
  answer ??= ping(process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock");
  return answer;
}

/** Asks the daemon at a DOCKER_HOST-like address for a sign of life. */
export function ping(address: string): Promise<boolean> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined) return Promise.resolve(false);
  const where =
    url.protocol === "unix:"
      ? { socketPath: url.pathname }
      : { host: url.hostname, port: url.port === "" ? 2375 : Number(url.port) };
  return new Promise((resolve) => {
    const ping = request({ ...where, path: "/_ping", timeout: PING_TIMEOUT_MS, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on("timeout", () => ping.destroy(new Error("timeout")));
    ping.on("error", () => resolve(false));
    ping.end();
  });
}

/** Runs a server in a container, its port published on a fixed loopback port so that a restart keeps it. */
export async function startContainer<Kind extends string, Options extends StartOptions>(
  kind: ServerKind<Kind, Options>,
  options: Options,
): Promise<TestServer<Kind>> {
  // Loaded only here: it is big, and most runs do without.
  const { GenericContainer, Wait, getContainerRuntimeClient } = await import("testcontainers");
  const timeoutMs = options.startTimeoutMs ?? 30_000;
  const plan = kind.container(options);

  const run = async (port: number) => {
    const container = new GenericContainer(plan.image)
      .withExposedPorts({ container: plan.port, host: port })
      .withEnvironment({ ...plan.environment })
      .withWaitStrategy(Wait.forListeningPorts());
    if (plan.command !== undefined) container.withCommand([...plan.command]);
    return container.start();
  };

  let port = await freePort();
  let started = await run(port).catch(() => undefined);
  for (let attempt = 2; started === undefined; attempt++) {
    port = await freePort();
    started = await run(port).catch((error: unknown) => {
      if (attempt >= PORT_ATTEMPTS) throw error;
      return undefined;
    });
  }
  const container = started;
  const host = container.getHost();
  const url = kind.url(host, port);
  const version = await waitUntilReady(kind, url, timeoutMs);

  const client = await getContainerRuntimeClient();
  const raw = client.container.getById(container.getId());
  const isIn = async (state: "Running" | "Paused"): Promise<boolean> => (await raw.inspect()).State[state];
  let stopped: Promise<void> | undefined;
  return {
    kind: kind.kind,
    version,
    host,
    port,
    url,
    origin: "docker",
    control: {
      pause: async () => {
        await raw.pause();
      },
      resume: async () => {
        await raw.unpause();
      },
      kill: async () => {
        if (await isIn("Running")) await raw.kill({ signal: "SIGKILL" });
      },
      restart: async ({ signal = "SIGKILL" } = {}) => {
        if (await isIn("Running")) {
          await raw.kill({ signal });
          if (await isIn("Paused")) await raw.unpause();
          await raw.wait();
        }
        await raw.start();
        await waitUntilReady(kind, url, timeoutMs);
      },
    },
    stop: () => {
      stopped ??= container.stop().then(() => undefined);
      return stopped;
    },
  };
}
