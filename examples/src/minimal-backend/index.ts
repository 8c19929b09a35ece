import { type Backend, systemClock } from "@conclave/api/backend";
import { MinimalSession } from "./session.js";
import { Store } from "./store.js";

/** A store in this process, the backends that reach it, and the one fault that it knows. */
export interface MinimalStore {
  backend(): Backend;
  expireSession(id: string): void;
}

export function minimalStore(): MinimalStore {
  const store = new Store();
  const sessions = new Map<string, MinimalSession>();
  return {
    backend: () => ({
      name: "minimal",
      capabilities: { transactions: true, guardedWrites: "transaction", fencing: "strict", durable: false },
      clock: systemClock,
      async open({ namespace, sessionTimeoutMs, observer, signal }) {
        signal.throwIfAborted();
        const id = `session-${sessions.size + 1}`;
        const session = new MinimalSession(store, { id, namespace, timeoutMs: sessionTimeoutMs, observer });
        sessions.set(id, session);
        return session;
      },
    }),
    expireSession: (id) => sessions.get(id)?.expire("it was ended by hand"),
  };
}
