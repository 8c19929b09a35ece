import {
  ConclaveError,
  type CreateOperation,
  type LineEntry,
  type LineNode,
  type LookAhead,
  type Neighbour,
  type Standing,
  type Ticket,
} from "@conclave/api/backend";
import type { ICompare, IKeyValue, IRequestOp } from "etcd3";
import { emptyNode, judge, MAX_ATTEMPTS } from "./ancestors.js";
import { sessionLost, storeError } from "./errors.js";
import { nearAncestorsOf } from "./keys.js";
import { labelOf, labelPrefix, lineEntryName } from "./names.js";
import { plan } from "./plan.js";
import { toNode } from "./reads.js";
import { Receipts } from "./receipts.js";
import { type Store, unknown } from "./store.js";

/**
 * Waiting lines in the layout of Go's `clientv3/concurrency` (INTEROP-1): the keys below the line, in the order of
 * their create revisions, whoever made them.
 */
export class Lines {
  readonly #store: Store;
  readonly #receipts: Receipts;

  constructor(store: Store) {
    this.#store = store;
    this.#receipts = new Receipts(store.keys, store.sessionId);
  }

  async enqueue(line: string, entry: LineEntry, look: LookAhead): Promise<Ticket> {
    const { keys, owner, sessionId } = this.#store;
    const path = `${line === "/" ? "" : line}/${lineEntryName(entry.label, sessionId)}`;
    const own: CreateOperation = { ...emptyNode(path), data: entry.data, ephemeral: true, parents: true };
    const ancestors = nearAncestorsOf(path);
    // What stands in the line when the entry is made is ahead of it; the entry itself may be among the newest.
    const newest = range(this.#among(line, look), look.limit + 1);
    let missing: readonly string[] = [];
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const made = missing.map(emptyNode);
      const { request, reads } = plan(keys, owner, [...made, own], {
        guard: undefined,
        alsoRead: ancestors,
        receipt: undefined,
        clear: [],
      });
      // A repetition leaves a mark, which keeps an earlier sending from taking effect when it arrives late.
      const mark = this.#receipts.next();
      const forestall = { request_put: { key: mark, value: Buffer.alloc(0), lease: owner.lease } };
      const txn = {
        ...request,
        compare: [...(request.compare ?? []), unmarked(mark)],
        success: [...(request.success ?? []), newest],
      };
      const again = {
        ...txn,
        success: [forestall, ...txn.success],
        failure: [...(request.failure ?? []), forestall],
      };
      const { response, lost } = await this.#store.txnUntilAnswered(txn, again);
      if (response.succeeded) {
        const createRevision = BigInt(response.header.revision);
        const found = this.#neighbours(line, response.responses.at(-1)?.response_range.kvs ?? []);
        const ahead = found.filter((neighbour) => neighbour.path !== path).slice(0, look.limit);
        return { line, path, createRevision, ahead, followed: false };
      }
      const snapshot = reads.snapshot(response);
      const found = snapshot.node(path);
      if (found !== undefined) return this.#foundAgain(line, path, found.createRevision, look);
      const { refusal, makeable } = judge(snapshot, owner, [own], undefined);
      if (refusal !== undefined) throw lost ? unknown(refusal) : refusal;
      missing = makeable;
    }
    throw storeError(`Ancestors of ${line} are deleted again and again by others`);
  }

  async standing(ticket: Ticket, look: LookAhead): Promise<Standing> {
    const { owner } = this.#store;
    const { succeeded, responses } = await this.#store.txn({
      compare: [
        ...this.#isTicket(ticket),
        { key: this.#store.keys.node(ticket.path), target: "Lease", result: "Equal", lease: owner.lease },
      ],
      success: [
        range(
          {
            ...this.#among(ticket.line, look),
            max_create_revision: String(ticket.createRevision - 1n),
          },
          look.limit,
        ),
      ],
      failure: [{ request_range: { key: owner.sessionKey, keys_only: true } }],
    });
    const found = responses[0]?.response_range.kvs ?? [];
    if (succeeded) return { present: true, ahead: this.#neighbours(ticket.line, found) };
    if (found.length === 0) throw sessionLost();
    return { present: false };
  }

  async leave(ticket: Ticket): Promise<void> {
    await this.#store.txn({
      compare: this.#isTicket(ticket),
      success: [{ request_delete_range: { key: this.#store.keys.node(ticket.path) } }],
      failure: [],
    });
  }

  async entries(line: string, limit: number): Promise<readonly LineNode[]> {
    const { kvs } = await this.#store.range({
      ...this.#store.keys.below(line),
      sort_target: "Create",
      sort_order: "Ascend",
      limit,
    });
    return kvs.map((kv) => ({ ...toNode(this.#store.keys.path(kv.key), kv), label: this.#label(line, kv) }));
  }

  /** After a lost reply: the entry is there by its unique name, and only who is ahead has to be read. */
  async #foundAgain(line: string, path: string, createRevision: bigint, look: LookAhead): Promise<Ticket> {
    const ticket = { line, path, createRevision, ahead: [], followed: true };
    const standing = await this.standing(ticket, look).catch((error: unknown) => {
      throw ConclaveError.is(error, "CONNECTION_LOST") ? unknown(error) : error;
    });
    if (!standing.present) throw unknown(new Error(`${path} was deleted`));
    return { ...ticket, ahead: standing.ahead };
  }

  #among(line: string, { label }: LookAhead) {
    const { keys } = this.#store;
    return label === undefined ? keys.below(line) : keys.belowWith(line, labelPrefix(label));
  }

  #neighbours(line: string, kvs: readonly IKeyValue[]): readonly Neighbour[] {
    return kvs.map((kv) => ({ path: this.#store.keys.path(kv.key), label: this.#label(line, kv) }));
  }

  #label(line: string, { key }: IKeyValue): string | undefined {
    const name = this.#store.keys.childName(line, key);
    return name === undefined ? undefined : labelOf(name);
  }

  #isTicket(ticket: Ticket): ICompare[] {
    return [
      {
        key: this.#store.keys.node(ticket.path),
        target: "Create",
        result: "Equal",
        create_revision: ticket.createRevision.toString(),
      },
    ];
  }
}

function unmarked(key: Buffer): ICompare {
  return { key, target: "Create", result: "Equal", create_revision: "0" };
}

/** The newest of the entries. */
function range(entries: object, limit: number): IRequestOp {
  return {
    request_range: { ...entries, sort_target: "Create", sort_order: "Descend", limit, keys_only: true },
  };
}
