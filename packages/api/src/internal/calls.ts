import { ConclaveError, type Outcome } from "../errors.js";
import { onAbort } from "./on-abort.js";

interface Call {
  /** What to say of the operation when it is given up while under way. */
  readonly outcome: Outcome;
  readonly reject: (error: ConclaveError) => void;
}

/** The calls of one session that are under way, so that none outlives it. */
export class Calls {
  readonly #underWay = new Set<Call>();

  /**
   * Runs `start` and settles as it does, unless `signal` aborts (`ABORTED`) or `endAll` comes first. A write that is given up
   * has outcome `"unknown"`: it may have reached the store.
   */
  run<T>(start: () => Promise<T>, outcome: Outcome, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      let cancel = () => {};
      const call: Call = {
        outcome,
        reject: (error) => {
          this.#underWay.delete(call);
          cancel();
          reject(error);
        },
      };
      cancel = onAbort(signal, () => call.reject(aborted(signal, outcome)));
      this.#underWay.add(call);
      start().then(
        (value) => {
          if (!this.#underWay.delete(call)) return;
          cancel();
          resolve(value);
        },
        (error) => {
          if (this.#underWay.has(call)) call.reject(error);
        },
      );
    });
  }

  /** Rejects everything that is under way with the reason for which the session ended. */
  endAll(reason: ConclaveError): void {
    for (const call of [...this.#underWay]) {
      const { code, message, cause } = reason;
      call.reject(new ConclaveError(code, message, { outcome: call.outcome, cause }));
    }
  }
}

export function aborted(signal: AbortSignal | undefined, outcome: Outcome = "not-applied"): ConclaveError {
  return new ConclaveError("ABORTED", "the call was aborted by its signal", {
    outcome,
    cause: signal?.reason,
  });
}
