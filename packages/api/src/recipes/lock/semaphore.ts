import type { Neighbour } from "../../backend/line.js";
import { rejectUnknownOptions, showOption } from "../../backend/options.js";
import { ConclaveError } from "../../errors.js";
import type { Keeper } from "../../internal/keeper.js";
import { Acquirable, type AcquireOptions, type Kind } from "./acquirable.js";
import { Permit } from "./permit.js";

/** Each acquisition reads as many entries of the line as there are permits. */
const maxPermits = 1_000;

export interface SemaphoreOptions {
  /** How many may hold at once: a whole number from 1 to 1,000, the same for everybody who stands in the line. */
  readonly permits: number;
}

/**
 * A counting semaphore: contenders stand in line and the first `permits` of them hold (SEM-1, SEM-2).
 *
 * Whoever joins with another number of permits than those ahead is refused (SEM-3); the number may change once nobody stands in
 * the line. Each acquisition is a place of its own. The order is decided by the line itself; only the first who waits watches
 * the holders, and each of the others the one directly ahead, who changes its own node when its turn has come.
 */
export class Semaphore extends Acquirable<Permit> {
  readonly permits: number;

  /** Semaphores come from `coordinator.semaphore(path, { permits })`. */
  constructor(keeper: Keeper, path: string, permits: number) {
    super(keeper, path, kindOf(path, permits));
    this.permits = permits;
  }

  /**
   * Runs `work` while holding a permit, gives that back when `work` has settled, and settles as `work` did.
   *
   * When the permit is lost meanwhile, its `signal` aborts; `work` is not run again. Errors: as `acquire`; what `work` throws.
   */
  withPermit<T>(work: (permit: Permit) => Promise<T> | T, options: AcquireOptions = {}): Promise<T> {
    return this.within("withPermit", work, options);
  }
}

/** Throws `INVALID_ARGUMENT` for options that cannot be meant. */
export function checkSemaphoreOptions(options: SemaphoreOptions): SemaphoreOptions {
  if (typeof options !== "object" || options === null) {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `semaphore: options must be an object with permits, not ${showOption(options)}`,
    );
  }
  rejectUnknownOptions("semaphore", options, ["permits"]);
  const { permits } = options;
  if (!(Number.isInteger(permits) && permits >= 1 && permits <= maxPermits)) {
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `semaphore: permits must be a whole number from 1 to ${maxPermits}, not ${showOption(permits)}`,
    );
  }
  return options;
}

function kindOf(path: string, permits: number): Kind<Permit> {
  const label = `lease-${permits}`;
  return {
    label,
    look: { label: undefined, limit: permits + 1 },
    waitsFor: (ahead) => {
      const other = ahead.find((neighbour) => neighbour.label !== label);
      if (other !== undefined) throw disagreement(path, permits, other);
      if (ahead.length < permits) return undefined;
      // Behind the holders alone, any of them may make room; behind others who wait, the one directly ahead comes first.
      if (ahead.length === permits) return { who: ahead, wait: false };
      return { who: ahead.slice(0, 1), wait: true };
    },
    announces: true,
    hold: (place) => new Permit(place),
  };
}

function disagreement(path: string, permits: number, { label }: Neighbour): ConclaveError {
  const theirs = label?.startsWith("lease-") ? `${label.slice("lease-".length)} permits` : "something else";
  return new ConclaveError(
    "INVALID_ARGUMENT",
    `the semaphore ${path} has ${permits} permits here, but ${theirs} for others who stand there`,
    { path },
  );
}
