/** Ways to time asynchronous operations, and to say what came of it. */

export interface Rate {
  readonly perSecond: number;
  /** Per second that this process's threads spent on a core: what it costs, also where others keep the cores busy. */
  readonly perCpuSecond: number;
}

/** Runs `operation` for each number from `first` on, `count` of them, `width` at a time. */
export async function each(
  { first = 0, count, width }: { first?: number; count: number; width: number },
  operation: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = first;
  const worker = async () => {
    while (next < first + count) {
      const i = next;
      next += 1;
      await operation(i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}

/** As `each`, timed. */
export async function rate(
  options: { first?: number; count: number; width: number },
  operation: (i: number) => Promise<unknown>,
): Promise<Rate> {
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  await each(options, operation);
  const { user, system } = process.cpuUsage(startCpu);
  const seconds = (performance.now() - startMs) / 1_000;
  return { perSecond: options.count / seconds, perCpuSecond: options.count / ((user + system) / 1e6) };
}

/** The measured part of a run, in milliseconds of `performance.now()`. */
export interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** A window that begins after a warm-up of half its length. */
export function windowOf(lengthMs: number): Window {
  const startMs = performance.now() + lengthMs / 2;
  return { startMs, endMs: startMs + lengthMs };
}

/**
 * `width` loops of one operation each, until the window ends. Each operation gets a number of its own. Resolves with the
 * milliseconds that each operation took that ended within the window, and with how many there were in all.
 */
export async function loops(
  { width, window }: { width: number; window: Window },
  operation: (i: number) => Promise<unknown>,
): Promise<{ latenciesMs: number[]; issued: number }> {
  const latenciesMs: number[] = [];
  let issued = 0;
  const loop = async () => {
    for (let begin = performance.now(); begin < window.endMs; begin = performance.now()) {
      const i = issued;
      issued += 1;
      await operation(i);
      const end = performance.now();
      if (end >= window.startMs && end <= window.endMs) latenciesMs.push(end - begin);
    }
  };
  await Promise.all(Array.from({ length: width }, loop));
  return { latenciesMs, issued };
}

/** The value below which a share `q` of the values lies; 0 without values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
