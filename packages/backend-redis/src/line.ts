import type { LineEntry, LineNode, LookAhead, Neighbour, Standing, Ticket } from "@conclave/api/backend";
import { unknownOutcome } from "@conclave/api/backend";
import { bytesOf, refusal } from "./commit.js";
import { childPath, nameOf } from "./keys.js";
import { labelOf, lineEntryName } from "./names.js";
import type { Receipts } from "./receipts.js";
import { numberAt, type Reply, textAt, toNode } from "./replies.js";
import { enqueue, entries, leave, standingOf } from "./scripts/index.js";
import type { Store } from "./store.js";

/** Waiting lines: the children of a node that are named as entries, in the order of their create revisions. */
export class Lines {
  readonly #store: Store;
  readonly #receipts: Receipts;

  constructor(store: Store, receipts: Receipts) {
    this.#store = store;
    this.#receipts = receipts;
  }

  async enqueue(line: string, entry: LineEntry, look: LookAhead): Promise<Ticket> {
    const name = lineEntryName(entry.label);
    const path = childPath(line, name);
    const tag = this.#receipts.next();
    const asked = [line, name, bytesOf(entry.data), ...argumentsOf(look)];
    const { sessionId } = this.#store;
    const { reply, lost } = await this.#receipts.clearing((settled) =>
      this.#store.writeUntilAnswered(enqueue, (again) => [sessionId, tag, again ? 1 : 0, settled, ...asked]),
    );
    if (reply[0] !== 0) throw refusal(reply);
    const createRevision = BigInt(numberAt(reply, 1));
    if (lost) return this.#foundAgain({ line, path, createRevision, ahead: [], followed: true }, look);
    this.#receipts.settle([tag]);
    return { line, path, createRevision, ahead: neighbours(line, reply, 2), followed: false };
  }

  async standing({ line, path, createRevision }: Ticket, look: LookAhead): Promise<Standing> {
    const { sessionId } = this.#store;
    const place = [line, nameOf(path), createRevision.toString()];
    const reply = await this.#store.read(standingOf, [sessionId, ...place, ...argumentsOf(look)]);
    if (reply[0] === 0) return { present: false };
    return { present: true, ahead: neighbours(line, reply, 1) };
  }

  async leave({ line, path, createRevision }: Ticket): Promise<void> {
    await this.#store.write(leave, [line, nameOf(path), createRevision.toString()]);
  }

  async entries(line: string, limit: number): Promise<readonly LineNode[]> {
    const reply = await this.#store.read(entries, [line, limit]);
    const nodes: LineNode[] = [];
    for (let at = 1; at < reply.length; at += 3) {
      const name = textAt(reply, at);
      const node = toNode(childPath(line, name), reply[at + 1], reply[at + 2]);
      nodes.push({ ...node, label: labelOf(name) });
    }
    return nodes;
  }

  /** After a lost reply: who was ahead then may be gone, and the entry itself too. */
  async #foundAgain(ticket: Ticket, look: LookAhead): Promise<Ticket> {
    // Until it is answered: nobody but the caller of this knows of the entry, and could take it out of the line.
    const standing = await this.#store.answered(() => this.standing(ticket, look));
    if (!standing.present) throw unknownOutcome(new Error(`${ticket.path} was deleted`));
    return { ...ticket, ahead: standing.ahead };
  }
}

/** As the scripts take it. */
function argumentsOf({ label, limit }: LookAhead): [string, number] {
  return [label ?? "", limit];
}

function neighbours(line: string, reply: Reply, first: number): Neighbour[] {
  return reply.slice(first).map((_, index) => {
    const name = textAt(reply, first + index);
    return { path: childPath(line, name), label: labelOf(name) };
  });
}
