import { judge } from "./checks.js";
import { direct } from "./director.js";
import { machineNowMs } from "./facts.js";
import { History } from "./history.js";
import { type DemoOptions, parseOptions, UsageError, usage } from "./options.js";
import { type Paint, paintFor } from "./paint.js";
import { type Place, placeFor } from "./place.js";
import { expiryBoundMs } from "./stores.js";
import { summary } from "./summary.js";
import { Timeline } from "./timeline.js";

const interruptSignals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Tells the story and judges it; returns the exit status. */
async function demo(options: DemoOptions, paint: Paint, signal: AbortSignal): Promise<number> {
  const failing = new AbortController();
  const history = new History();
  const place = await placeFor(options, {
    history,
    failed: (error) => failing.abort(error),
    signal,
  });
  try {
    return await tell(options, place, { history, paint, signal: AbortSignal.any([signal, failing.signal]) });
  } finally {
    history.end();
    await place.leave();
  }
}

async function tell(
  { workers, tasks, backend }: DemoOptions,
  place: Place,
  { history, paint, signal }: { history: History; paint: Paint; signal: AbortSignal },
): Promise<number> {
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  print(paint("bold", `${workers} workers, ${tasks} tasks, ${place.label}`));
  print("");
  const timeline = new Timeline({ paint, print, startMs: machineNowMs() });
  history.onEntry((entry) => timeline.add(entry));
  try {
    const evidence = await direct({ runner: place.runner, history, workers, tasks, signal });
    timeline.flush();
    const timeoutMs = place.timeoutMs;
    const checks = judge({ ...evidence, expiryBoundMs: expiryBoundMs(backend, timeoutMs) });
    print(summary(checks, paint));
    return checks.every(({ holds }) => holds) ? 0 : 1;
  } finally {
    timeline.flush();
  }
}

async function main(): Promise<number> {
  const interrupted = new AbortController();
  let status: number | undefined;
  for (const [name, code] of Object.entries(interruptSignals)) {
    process.on(name, () => {
      // The second time there is no more patience.
      if (status !== undefined) process.exit(status);
      status = code;
      process.stderr.write("\ndemo: interrupted; stopping what was started\n");
      interrupted.abort(new Error("interrupted"));
    });
  }
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options === "help") {
      process.stdout.write(usage);
      return 0;
    }
    return await demo(options, paintFor(process.stdout, process.env), interrupted.signal);
  } catch (error) {
    if (status !== undefined) return status;
    const message = error instanceof Error ? error.message : String(error);
    const isUsage = error instanceof UsageError;
    process.stderr.write(`demo: ${message}\n${isUsage ? "See npm run demo -- --help\n" : ""}`);
    return isUsage ? 2 : 1;
  }
}

process.exitCode = await main();
