import type { LineEntry, Node, Standing, Ticket } from "@conclave/api/backend";
import { ConclaveError } from "@conclave/api/backend";
import { bytesOf, refusal } from "./commit.js";
import { unknown } from "./errors.js";
import { childPath, nameOf } from "./keys.js";
import { lineEntryName } from "./names.js";
import type { Receipts } from "./receipts.js";
import { numberAt, type Reply, textAt, toNode } from "./replies.js";
import { enqueue, entries, leave, standingOf } from "./scripts/index.js";
import type { Store } from "./store.js";

/** Which entries ahead to report: those with this label ("" for all), nearest first, so many. */
const LOOK = { label: "", limit: 1 };

/** Waiting lines: the children of a node that are named as entries, in the order of their create revisions. */
export class Lines {
  readonly #store: Store;
  readonly #receipts: Receipts;

  constructor(store: Store, receipts: Receipts) {
    this.#store = store;
    this.#receipts = receipts;
  }

  async enqueue(line: string, entry: LineEntry): Promise<Ticket> {
    const name = lineEntryName(entry.label);
    const path = childPath(line, name);
    const tag = this.#receipts.next();
    const settled = this.#receipts.takeSettled().join(" ");
    const { reply, lost } = await this.#store.writeUntilAnswered(enqueue, (again) => [
      ...[this.#store.sessionId, tag, again ? 1 : 0, settled],
      ...[line, name, bytesOf(entry.data), LOOK.label, LOOK.limit],
    ]);
    if (reply[0] !== 0) throw refusal(reply);
    const createRevision = BigInt(numberAt(reply, 1));
    if (lost) return this.#foundAgain(line, path, createRevision);
    this.#receipts.settle([tag]);
    return { line, path, createRevision, ahead: pathsFrom(line, reply, 2)[0] };
  }

  async standing({ line, path, createRevision }: Ticket): Promise<Standing> {
    const { sessionId } = this.#store;
    const place = [line, nameOf(path), createRevision.toString()];
    const reply = await this.#store.read(standingOf, [sessionId, ...place, LOOK.label, LOOK.limit]);
    if (reply[0] === 0) return { present: false };
    return { present: true, ahead: pathsFrom(line, reply, 1)[0] };
  }

  async leave({ line, path, createRevision }: Ticket): Promise<void> {
    await this.#store.write(leave, [line, nameOf(path), createRevision.toString()]);
  }

  async entries(line: string, limit: number): Promise<readonly Node[]> {
    const reply = await this.#store.read(entries, [line, limit]);
    const nodes: Node[] = [];
    for (let at = 1; at < reply.length; at += 3) {
      nodes.push(toNode(childPath(line, textAt(reply, at)), reply[at + 1], reply[at + 2]));
    }
    return nodes;
  }

  /** After a lost reply: who was ahead then may be gone, and the entry itself too. */
  async #foundAgain(line: string, path: string, createRevision: bigint): Promise<Ticket> {
    const ticket = { line, path, createRevision, ahead: undefined };
    const standing = await this.standing(ticket).catch((error: unknown) => {
      throw ConclaveError.is(error, "CONNECTION_LOST") ? unknown(error) : error;
    });
    if (!standing.present) throw unknown(new Error(`${path} was deleted`));
    return { ...ticket, ahead: standing.ahead };
  }
}

function pathsFrom(line: string, reply: Reply, first: number): string[] {
  return reply.slice(first).map((_, index) => childPath(line, textAt(reply, first + index)));
}
