interface Hub {
  readonly entries: Set<() => void>;
  readonly listener: () => void;
}

/** What is to run when a signal aborts: one listener a signal, however many calls and watches share it. */
const hubs = new WeakMap<AbortSignal, Hub>();

/**
 * Calls `run` once when `signal` aborts, at once if it has already; returns what cancels that.
 *
 * An application may give one signal to any number of calls. Node takes eleven listeners on one signal for a leak and warns.
 */
export function onAbort(signal: AbortSignal | undefined, run: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    run();
    return () => {};
  }
  const hub = hubs.get(signal) ?? listenTo(signal);
  // An entry of its own, since the same function may be given twice.
  const entry = () => run();
  hub.entries.add(entry);
  return () => {
    hub.entries.delete(entry);
    if (hub.entries.size > 0 || hubs.get(signal) !== hub) return;
    hubs.delete(signal);
    signal.removeEventListener("abort", hub.listener);
  };
}

function listenTo(signal: AbortSignal): Hub {
  const entries = new Set<() => void>();
  const listener = () => {
    // Whatever runs may cancel what was to run after it.
    for (const entry of [...entries]) if (entries.delete(entry)) entry();
  };
  const hub = { entries, listener };
  signal.addEventListener("abort", listener, { once: true });
  hubs.set(signal, hub);
  return hub;
}
