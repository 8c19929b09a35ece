import { badArgument } from "./errors.js";

/** Throws a `TypeError` that names the option. */
export function checkInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw badArgument(`${name} must be an integer from ${least} to ${most}, not ${value}`);
}
