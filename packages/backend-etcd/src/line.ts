import {
  ConclaveError,
  type CreateOperation,
  type LineEntry,
  type Node,
  type Standing,
  type Ticket,
} from "@conclave/api/backend";
import type { ICompare, IKeyValue, IRequestOp } from "etcd3";
import { emptyNode, judge, MAX_ATTEMPTS } from "./ancestors.js";
import { sessionLost, storeError } from "./errors.js";
import { nearAncestorsOf } from "./keys.js";
import { lineEntryName } from "./names.js";
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

  async enqueue(line: string, entry: LineEntry): Promise<Ticket> {
    const { keys, owner, sessionId } = this.#store;
    const path = `${line === "/" ? "" : line}/${lineEntryName(sessionId)}`;
    const own: CreateOperation = { ...emptyNode(path), data: entry.data, ephemeral: true, parents: true };
    const ancestors = nearAncestorsOf(path);
    const newest = range(this.#below(line), "Descend", 2);
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
        const [, ahead] = response.responses.at(-1)?.response_range.kvs ?? [];
        return { line, path, createRevision, ahead: this.#path(ahead) };
      }
      const snapshot = reads.snapshot(response);
      const found = snapshot.node(path);
      if (found !== undefined) return this.#foundAgain(line, path, found.createRevision);
      const { refusal, makeable } = judge(snapshot, owner, [own], undefined);
      if (refusal !== undefined) throw lost ? unknown(refusal) : refusal;
      missing = makeable;
    }
    throw storeError(`Ancestors of ${line} are deleted again and again by others`);
  }

  async standing(ticket: Ticket): Promise<Standing> {
    const { owner } = this.#store;
    const { succeeded, responses } = await this.#store.txn({
      compare: [
        ...this.#isTicket(ticket),
        { key: this.#store.keys.node(ticket.path), target: "Lease", result: "Equal", lease: owner.lease },
      ],
      success: [
        range(
          { ...this.#below(ticket.line), max_create_revision: String(ticket.createRevision - 1n) },
          "Descend",
          1,
        ),
      ],
      failure: [{ request_range: { key: owner.sessionKey, keys_only: true } }],
    });
    const found = responses[0]?.response_range.kvs[0];
    if (succeeded) return { present: true, ahead: this.#path(found) };
    if (found === undefined) throw sessionLost();
    return { present: false };
  }

  async leave(ticket: Ticket): Promise<void> {
    await this.#store.txn({
      compare: this.#isTicket(ticket),
      success: [{ request_delete_range: { key: this.#store.keys.node(ticket.path) } }],
      failure: [],
    });
  }

  async entries(line: string, limit: number): Promise<readonly Node[]> {
    const { kvs } = await this.#store.range({
      ...this.#below(line),
      sort_target: "Create",
      sort_order: "Ascend",
      limit,
    });
    return kvs.map((kv) => toNode(this.#store.keys.path(kv.key), kv));
  }

  /** After a lost reply: the entry is there by its unique name, and only who is ahead has to be read. */
  async #foundAgain(line: string, path: string, createRevision: bigint): Promise<Ticket> {
    const ticket = { line, path, createRevision, ahead: undefined };
    const standing = await this.standing(ticket).catch((error: unknown) => {
      throw ConclaveError.is(error, "CONNECTION_LOST") ? unknown(error) : error;
    });
    if (!standing.present) throw unknown(new Error(`${path} was deleted`));
    return { ...ticket, ahead: standing.ahead };
  }

  #below(line: string) {
    return this.#store.keys.below(line);
  }

  #path(kv: IKeyValue | undefined): string | undefined {
    return kv === undefined ? undefined : this.#store.keys.path(kv.key);
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

function range(entries: object, sort_order: "Ascend" | "Descend", limit: number): IRequestOp {
  return { request_range: { ...entries, sort_target: "Create", sort_order, limit, keys_only: true } };
}
