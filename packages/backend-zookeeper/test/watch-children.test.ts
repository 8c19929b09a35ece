import { expect, test } from "vitest";
import type { Connection } from "../src/driver.js";
import { Listeners } from "../src/listeners.js";
import { ChildNodesWatch } from "../src/watch-child-nodes.js";
import type { WatchContext } from "../src/watch-loop.js";
import { collectChildren, until } from "./support.js";

/* What a watch makes of answers and events in an order that a server gives them only now and then. */

test("WATCH-3 a parent that was found missing stays missing, whatever is heard of its children after that", async () => {
  const stat = { version: 0, czxid: 1n, mzxid: 1n, pzxid: 1n, ephemeralOwner: undefined };
  const fired = { data: new Listeners<void>(() => {}), children: new Listeners<void>(() => {}) };
  let list: (names: readonly string[] | undefined) => void = () => {};
  const connection = {
    children: () => new Promise((resolve) => (list = resolve)),
    get: async () => ({ data: new Uint8Array(0), stat }),
    exists: async () => undefined,
  } as unknown as Connection;
  const context: WatchContext = {
    require: () => connection,
    onFired: (kind, path, run) => fired[kind].add(path, run),
    onHappened: () => () => {},
    watchDirectory: () => false,
  };
  const sink = collectChildren();
  const watch = new ChildNodesWatch(context, "/m", "/m", sink);
  watch.restart();
  list(["c"]);
  await until(() => sink.view?.has("c"));
  fired.children.report("/m");
  // Of the child it is heard while the listing is under way that finds its parent gone.
  fired.data.report("/m/c");
  list(undefined);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  expect(sink.view).toBeUndefined();
  expect(sink.log).toEqual(["snapshot", "snapshot"]);
});
