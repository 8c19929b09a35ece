import { type Clock, ConclaveError, type OpenOptions } from "@conclave/api/backend";
import { Connection } from "./connection.js";
import { Contact } from "./contact.js";
import { connectFailed } from "./errors.js";
import type { Link } from "./link.js";
import { Namespace } from "./namespace.js";
import { MemorySession } from "./session.js";
import type { SessionRecord } from "./session-record.js";
import type { Store } from "./store.js";

/** An attempt gets this share of the time for connecting, so that there is time for another. */
const shareOfConnect = 0.8;

/** Opens a session over a connection of its own. */
export async function openSession(
  store: Store,
  link: Link,
  clock: Clock,
  options: OpenOptions,
): Promise<MemorySession> {
  const { namespace, sessionTimeoutMs, connectTimeoutMs, signal, observer } = options;
  if (signal.aborted) throw aborted(signal);
  if (!link.reachable) throw connectFailed("the store refuses connections");
  const openedAtMs = clock.now();
  const connection = new Connection(link, store);
  let made: SessionRecord | undefined;
  const opened = connection.request("open", () => {
    made = store.open(sessionTimeoutMs, namespace);
    return made;
  });
  const leaveNothing = (cause: string) => {
    connection.close(cause);
    if (made !== undefined) store.end(made, "its client gave up before it was open");
  };
  const abort = () => leaveNothing("the attempt was aborted");
  signal.addEventListener("abort", abort, { once: true });
  // A connection of which the other end is gone would keep the attempt, and every later one, waiting for ever.
  const cancelTimer = clock.schedule(connectTimeoutMs * shareOfConnect, () =>
    leaveNothing("no answer in time"),
  );
  try {
    const record = await opened;
    const contact = new Contact(store, link, record, observer);
    const session = new MemorySession({
      store,
      contact,
      record,
      namespace: new Namespace(namespace),
      clock,
      openedAtMs,
    });
    contact.begin(connection);
    return session;
  } catch (error) {
    if (signal.aborted) throw aborted(signal);
    if (ConclaveError.is(error, "CONNECTION_LOST"))
      throw connectFailed("contact broke before the session was open");
    throw error;
  } finally {
    cancelTimer();
    signal.removeEventListener("abort", abort);
  }
}

function aborted(signal: AbortSignal): ConclaveError {
  return new ConclaveError("ABORTED", "memory: the attempt to open a session was aborted", {
    cause: signal.reason,
  });
}
