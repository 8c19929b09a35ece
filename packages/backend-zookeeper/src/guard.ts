import { ConclaveError, type Guard } from "@conclave/api/backend";
import type { Connection, MultiOperation, Stat } from "./driver.js";
import { Code, toConclaveError, ZooKeeperError } from "./errors.js";
import type { Namespace } from "./paths.js";

/**
 * Reads whether a guard holds; rejects with `NOT_HELD` if not. Returns checks that keep it so in the transaction of the write.
 *
 * ZooKeeper's transactions can check that a node is there and the version of its data, but not by which transaction it was created or
 * whose it is. That is read here. Between the read and the write an entry of a line cannot be replaced: its name is given once. Where
 * names come back, the witness moves before anybody relies on the node in its place. It is read before the guard's node: whoever moved
 * it later than that, or not at all, came after us.
 */
export async function judge(
  connection: Connection,
  namespace: Namespace,
  guard: Guard,
): Promise<readonly MultiOperation[]> {
  const path = namespace.toStore(guard.path);
  const witness = guard.witness === undefined ? undefined : namespace.toStore(guard.witness);
  let stat: Stat | undefined;
  let seen: Stat | undefined;
  try {
    [, seen, stat] = await Promise.all([
      connection.sync(path),
      witness === undefined ? undefined : connection.exists(witness, { watch: false }),
      connection.exists(path, { watch: false }),
    ]);
  } catch (error) {
    // A read that failed: the write was not sent.
    throw toConclaveError(error, guard.path, { outcome: "not-applied" });
  }
  if (stat?.czxid !== guard.createRevision || stat.ephemeralOwner !== connection.session.id) {
    throw noLongerHeld(guard);
  }
  const checks: MultiOperation[] = [{ type: "check", path, version: stat.version }];
  // Without the witness there is nothing left to hold.
  if (witness !== undefined && seen !== undefined) {
    checks.push({ type: "check", path: witness, version: seen.version });
  }
  return checks;
}

/** Whether a check that `judge` gave failed because something moved since, so that it has to judge again. */
export function hasMoved(error: unknown): boolean {
  return ZooKeeperError.is(error, Code.BADVERSION) || ZooKeeperError.is(error, Code.NONODE);
}

function noLongerHeld({ path }: Guard): ConclaveError {
  return new ConclaveError("NOT_HELD", `${path} no longer stands for this session`, { path });
}
