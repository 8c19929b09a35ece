import { quantile } from "../measure.js";

/** Prints the one line of JSON that the harness reads. */
export function emit(
  value: number,
  unit: string,
  samplesMs: readonly number[],
  extra: Readonly<Record<string, number>> = {},
): void {
  const numbers = { value, p50_ms: quantile(samplesMs, 0.5), p99_ms: quantile(samplesMs, 0.99), ...extra };
  const rounded = Object.entries(numbers).map(([name, n]) => [name, Math.round(n * 1e4) / 1e4]);
  console.log(JSON.stringify({ ...Object.fromEntries(rounded), unit }));
}
