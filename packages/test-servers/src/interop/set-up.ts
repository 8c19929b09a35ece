import { type Coordinator, connect } from "@conclave/api";
import type { Backend } from "@conclave/api/backend";
import type { TestServer } from "../server.js";
import { type ChildHandle, spawnNode } from "../spawn-node.js";
import { type ForeignCommand, type ForeignProcess, startForeign } from "./lines.js";
import { type InteropSetting, LONG_SESSION_MS, SHORT_SESSION_MS } from "./setting.js";

export interface SetUpOptions {
  start(): Promise<TestServer>;
  backend(url: string): Backend;
  /** The program of our own processes; it calls `runHolder`. */
  readonly holder: URL;
  readonly namespace: string;
  /** Compiles the foreign program, if that is needed; returns how it is run. */
  prepare(): Promise<(url: string, sessionTimeoutMs: number) => ForeignCommand>;
  readonly extra?: readonly string[];
}

export interface InteropSetUp extends InteropSetting {
  readonly server: TestServer;
  beforeAll(): Promise<void>;
  afterEach(): Promise<void>;
  afterAll(): Promise<void>;
}

/** One server and one foreign process for a file; everything else for each test. */
export function setUpInterop(options: SetUpOptions): InteropSetUp {
  const { backend, holder, namespace, extra = [] } = options;
  let server: TestServer | undefined;
  let command: ((url: string, sessionTimeoutMs: number) => ForeignCommand) | undefined;
  let lasting: ForeignProcess | undefined;
  const coordinators: Coordinator[] = [];
  const mortals: { kill(): Promise<unknown> }[] = [];

  const started = (): TestServer => {
    if (server === undefined) throw new Error("not started");
    return server;
  };
  const foreign = (sessionTimeoutMs: number): ForeignProcess => {
    if (command === undefined) throw new Error("not prepared");
    return startForeign(command(started().url, sessionTimeoutMs));
  };
  const mortal = <T extends { kill(): Promise<unknown> }>(process: T): T => {
    mortals.push(process);
    return process;
  };

  return {
    namespace,
    extra,
    get server() {
      return started();
    },
    async connect(sessionTimeoutMs = LONG_SESSION_MS) {
      const coordinator = await connect(backend(started().url), { namespace, sessionTimeoutMs });
      coordinators.push(coordinator);
      return coordinator;
    },
    foreign() {
      lasting ??= foreign(LONG_SESSION_MS);
      return lasting;
    },
    mortalForeign: () => mortal(foreign(SHORT_SESSION_MS)),
    mortalOwn: (): ChildHandle =>
      mortal(spawnNode(holder, { args: [started().url, String(SHORT_SESSION_MS)] })),

    async beforeAll() {
      [server, command] = await Promise.all([options.start(), options.prepare()]);
    },
    async afterEach() {
      await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.close()));
      await Promise.all(mortals.splice(0).map((process) => process.kill()));
    },
    async afterAll() {
      await lasting?.kill();
      await server?.stop();
    },
  };
}
