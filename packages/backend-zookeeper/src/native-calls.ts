import { Code, ZooKeeperError } from "./errors.js";

/** Starts a call. Returns the package's code for whether it was taken; `done` is called with that of the answer. */
export type StartCall<T> = (done: (rc: number, value: T | undefined) => void) => number;

/** Calls to one native instance: each settles, whether or not the instance ever calls back. */
export class NativeCalls {
  readonly #inFlight = new Set<(error: ZooKeeperError) => void>();
  #ended = false;

  /** Whether the connection is over, so that nothing is called any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Calls that wait for their answer. */
  get pending(): number {
    return this.#inFlight.size;
  }

  end(): void {
    this.#ended = true;
  }

  call<T>(start: StartCall<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new ZooKeeperError(Code.CONNECTIONLOSS, { sent: false }));
      const fail = (error: ZooKeeperError): void => {
        this.#inFlight.delete(fail);
        reject(error);
      };
      this.#inFlight.add(fail);
      const rc = start((code, value) => {
        if (code === 0) {
          this.#inFlight.delete(fail);
          return resolve(value as T);
        }
        const error = new ZooKeeperError(code, { sent: true });
        if (!endsConnection(code)) return fail(error);
        this.#ended = true;
        afterNativeCallbacks(() => fail(error));
      });
      if (rc !== 0) fail(new ZooKeeperError(rc, { sent: false }));
    });
  }

  /** A call of which the absence of the node is an answer like any other. */
  async read<T>(start: StartCall<T>): Promise<T | undefined> {
    try {
      return await this.call<T>(start);
    } catch (error) {
      if (ZooKeeperError.is(error, Code.NONODE)) return undefined;
      throw error;
    }
  }

  /** Without waiting for the native client: what it may still read belongs to the past once there is a successor. */
  fail(): void {
    for (const fail of [...this.#inFlight]) fail(new ZooKeeperError(Code.CONNECTIONLOSS, { sent: true }));
  }
}

/*
 * The package closes its socket, then calls back, and only then takes the socket's number out of the event loop. Any
 * socket opened in between, here or by the application, gets the same number and is taken out instead: it goes deaf.
 * So nothing of ours, and nothing that waits for us, may run until the native client has finished.
 */
export function afterNativeCallbacks(run: () => void): void {
  setImmediate(run);
}

/** After these, a further call would only be queued inside the native client. */
function endsConnection(code: number): boolean {
  return (
    code === Code.RUNTIMEINCONSISTENCY ||
    code === Code.CONNECTIONLOSS ||
    code === Code.OPERATIONTIMEOUT ||
    code === Code.CLOSING ||
    code === Code.SESSIONEXPIRED
  );
}
