import { request } from "node:http";
import { homedir } from "node:os";
import { join } from "node:path";
import type { WaitStrategy } from "testcontainers";
import { freePort } from "./ports.js";
import { waitUntilReady } from "./ready.js";
import type { ServerKind, StartOptions, TestServer } from "./server.js";

const PING_TIMEOUT_MS = 1_000;
const PORT_ATTEMPTS = 3;
const IN_USE = /port is already allocated|address already in use/i;

/* Real requests are the readiness check here; the usual one needs a shell, which etcd's image doesn't have. */
const started: WaitStrategy = {
  waitUntilReady: async () => {},
  withStartupTimeout: () => started,
  isStartupTimeoutSet: () => true,
  getStartupTimeout: () => 0,
};

let answer: Promise<boolean> | undefined;

/** Whether a Docker daemon answers, at DOCKER_HOST or one of the usual sockets. Asked once per process. */
export function dockerAnswers(): Promise<boolean> {
  answer ??= Promise.all(addresses().map(ping)).then((answers) => answers.includes(true));
  return answer;
}

function addresses(): string[] {
  const { DOCKER_HOST, XDG_RUNTIME_DIR } = process.env;
  if (DOCKER_HOST !== undefined && DOCKER_HOST !== "") return [DOCKER_HOST];
  const sockets = ["/var/run/docker.sock", join(homedir(), ".docker/run/docker.sock")];
  if (XDG_RUNTIME_DIR !== undefined) sockets.push(join(XDG_RUNTIME_DIR, "docker.sock"));
  return sockets.map((path) => `unix://${path}`);
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
    const asked = request(
      { ...where, path: "/_ping", timeout: PING_TIMEOUT_MS, agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    asked.on("timeout", () => asked.destroy(new Error("timeout")));
    asked.on("error", () => resolve(false));
    asked.end();
  });
}

/** Runs a server in a container, its port published on a fixed loopback port so that a restart keeps it. */
export async function startContainer<Kind extends string, Options extends StartOptions>(
  kind: ServerKind<Kind, Options>,
  options: Options,
): Promise<TestServer<Kind>> {
  // Loaded only here: it is big, and most runs do without.
  const { GenericContainer, getContainerRuntimeClient } = await import("testcontainers");
  const timeoutMs = options.startTimeoutMs ?? 30_000;
  const plan = kind.container(options);

  const run = async (port: number) => {
    const container = new GenericContainer(plan.image)
      .withExposedPorts({ container: plan.port, host: port })
      .withEnvironment({ ...plan.environment })
      .withWaitStrategy(started);
    if (plan.command !== undefined) container.withCommand([...plan.command]);
    return container.start();
  };

  let port = await freePort();
  let running: Awaited<ReturnType<typeof run>> | undefined;
  for (let attempt = 1; running === undefined; attempt++) {
    try {
      running = await run(port);
    } catch (error) {
      if (attempt === PORT_ATTEMPTS || !IN_USE.test(String(error))) throw error;
      port = await freePort();
    }
  }
  const container = running;
  const host = container.getHost();
  const url = kind.url(host, port);
  const version = await waitUntilReady(kind, url, timeoutMs).catch(async (error: unknown) => {
    await container.stop();
    throw error;
  });

  const client = await getContainerRuntimeClient();
  const raw = client.container.getById(container.getId());
  const isIn = async (state: "Running" | "Paused"): Promise<boolean> => (await raw.inspect()).State[state];
  let stopped: Promise<void> | undefined;
  return {
    kind: kind.kind,
    version,
    host,
    port,
    ports: [port],
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
          // Newer daemons let a killed container go on by themselves.
          if (await isIn("Paused")) await raw.unpause().catch(() => {});
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
