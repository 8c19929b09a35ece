import { ConclaveError, connect } from "@conclave/api";
import type { Backend, ChildNodesSink } from "@conclave/api/backend";
import { MemoryCluster, memory, VirtualClock } from "@conclave/backend-memory";
import { beforeEach, describe, expect, test } from "vitest";

describe("service view", () => {
  let clock: VirtualClock;
  let cluster: MemoryCluster;
  let inner: Backend;
  let sinks: ChildNodesSink[];
  /** A client whose watches can be made to fail. */
  let backend: Backend;

  const now = async <T>(call: Promise<T>): Promise<T> => {
    call.catch(() => {});
    await clock.advance(0);
    return call;
  };
  const join = (client: Backend) => now(connect(client, { sessionTimeoutMs: 3_000 }));
  const failure = () => new ConclaveError("STORE_ERROR", "leader changed");

  beforeEach(() => {
    clock = new VirtualClock();
    cluster = new MemoryCluster({ clock });
    inner = memory({ cluster });
    sinks = [];
    backend = {
      name: inner.name,
      capabilities: inner.capabilities,
      clock: inner.clock,
      async open(options) {
        const session = await inner.open(options);
        const watch = session.watchChildNodes.bind(session);
        session.watchChildNodes = (path, sink) => {
          sinks.push(sink);
          return watch(path, sink);
        };
        return session;
      },
    };
  });

  test("DISC-3: after a passing failure of its watch it is stale, and converges by itself", async () => {
    const [reader, writer] = [await join(backend), await join(memory({ cluster }))];
    const view = await now(reader.discovery("/d").view("web"));
    const directory = writer.discovery("/d");
    await now(directory.register({ name: "web", id: "one", address: "h", port: 1 }));
    sinks[0]?.failed(failure());
    expect(view.stale).toBe(true);
    expect(view.instances.map(({ id }) => id)).toEqual(["one"]);
    await now(directory.register({ name: "web", id: "two", address: "h", port: 2 }));
    await clock.advance(1_000);
    expect(view.instances.map(({ id }) => id).sort()).toEqual(["one", "two"]);
    expect(view.stale).toBe(false);
    expect(sinks).toHaveLength(2);
  });

  test("DISC-3: a loop over it goes on across such a failure and across the loss of the session", async () => {
    const [reader, writer] = [await join(backend), await join(memory({ cluster }))];
    const view = await now(reader.discovery("/d").view("web"));
    const seen: number[] = [];
    const reading = (async () => {
      for await (const instances of view) seen.push(instances.length);
    })();
    reading.catch(() => {});
    await clock.advance(0);
    sinks[0]?.failed(failure());
    cluster.expireSession((await reader.session()).id);
    await clock.advance(1_000);
    await now(writer.discovery("/d").register({ name: "web", id: "one", address: "h", port: 1 }));
    expect(seen.at(-1)).toBe(1);
    view.close();
    await reading;
  });
});
