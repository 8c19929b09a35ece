import {
  type CreateOperation,
  type LineEntry,
  type LineNode,
  type LookAhead,
  type Neighbour,
  type Standing,
  type Ticket,
  unknownOutcome,
} from "@conclave/api/backend";
import type { ICompare, IKeyValue, IRangeResponse } from "etcd3";
import { emptyNode, judge, MAX_ATTEMPTS } from "./ancestors.js";
import { isCompacted, sessionLost, storeError } from "./errors.js";
import { nearAncestorsOf } from "./keys.js";
import { labelOf, labelPrefix, lineEntryName } from "./names.js";
import { plan } from "./plan.js";
import { toNode } from "./reads.js";
import { Receipts } from "./receipts.js";
import type { Store } from "./store.js";

/** Keys that are read beyond those asked for, since some may not count: a few are cheaper than a second request. */
const SLACK = 8;

const nearestFirst = { sort_target: "Create", sort_order: "Descend", keys_only: true } as const;

/**
 * Waiting lines in the layout of Go's `clientv3/concurrency` (INTEROP-1): the keys with a lease directly below the line, in the
 * order of their create revisions, whoever made them. Nodes that stay, and lines below this one, are none of it: otherwise nobody
 * would ever have a lock below which there is another.
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
    const newest = {
      request_range: { ...this.#among(line, look), ...nearestFirst, limit: look.limit + 1 + SLACK },
    };
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
      const { reply: response, lost } = await this.#store.txnUntilAnswered(txn, again);
      if (response.succeeded) {
        const createRevision = BigInt(response.header.revision);
        const newestFound = response.responses.at(-1)?.response_range;
        const found = this.#neighbours(line, newestFound?.kvs ?? []);
        const ahead = found.filter((neighbour) => neighbour.path !== path).slice(0, look.limit);
        // Among the newest keys were some that do not count: who is ahead is farther away.
        if (ahead.length < look.limit && newestFound?.more === true) {
          return this.#foundAgain(line, path, createRevision, look);
        }
        return { line, path, createRevision, ahead, followed: false };
      }
      const snapshot = reads.snapshot(response);
      const found = snapshot.node(path);
      if (found !== undefined) return this.#foundAgain(line, path, found.createRevision, look);
      const { refusal, makeable } = judge(snapshot, owner, [own], undefined);
      if (refusal !== undefined) throw lost ? unknownOutcome(refusal) : refusal;
      missing = makeable;
    }
    throw storeError(`Ancestors of ${line} are deleted again and again by others`);
  }

  async standing(ticket: Ticket, look: LookAhead): Promise<Standing> {
    const { owner } = this.#store;
    const { succeeded, responses, header } = await this.#store.txn({
      compare: [
        ...this.#isTicket(ticket),
        { key: this.#store.keys.node(ticket.path), target: "Lease", result: "Equal", lease: owner.lease },
      ],
      success: [{ request_range: { ...this.#aheadOf(ticket, look), limit: look.limit + SLACK } }],
      failure: [{ request_range: { key: owner.sessionKey, keys_only: true } }],
    });
    const found = responses[0]?.response_range;
    if (succeeded) {
      try {
        return { present: true, ahead: await this.#aheadAmong(ticket, look, found, header.revision) };
      } catch (error) {
        // A compaction came in between.
        if (!isCompacted(error)) throw error;
        return this.standing(ticket, look);
      }
    }
    if (found === undefined || found.kvs.length === 0) throw sessionLost();
    return { present: false };
  }

  /** Those ahead by the keys that were found; where too many of these do not count, by all, as they stood at the same revision. */
  async #aheadAmong(
    ticket: Ticket,
    look: LookAhead,
    found: IRangeResponse | undefined,
    revision: string,
  ): Promise<readonly Neighbour[]> {
    const ahead = this.#neighbours(ticket.line, found?.kvs ?? []);
    if (ahead.length >= look.limit || found?.more !== true) return ahead.slice(0, look.limit);
    const { kvs } = await this.#store.range({ ...this.#aheadOf(ticket, look), revision });
    return this.#neighbours(ticket.line, kvs).slice(0, look.limit);
  }

  #aheadOf(ticket: Ticket, look: LookAhead) {
    const max_create_revision = String(ticket.createRevision - 1n);
    return { ...this.#among(ticket.line, look), max_create_revision, ...nearestFirst };
  }

  async leave(ticket: Ticket): Promise<void> {
    await this.#store.txn({
      compare: this.#isTicket(ticket),
      success: [{ request_delete_range: { key: this.#store.keys.node(ticket.path) } }],
      failure: [],
    });
  }

  async entries(line: string, limit: number): Promise<readonly LineNode[]> {
    const all = { ...this.#store.keys.below(line), sort_target: "Create", sort_order: "Ascend" } as const;
    const first = await this.#store.range({
      ...all,
      limit: Math.min(limit + SLACK, Number.MAX_SAFE_INTEGER),
    });
    let entries = first.kvs.filter((kv) => this.#isEntry(line, kv));
    if (entries.length < limit && first.more) {
      entries = (await this.#store.range(all)).kvs.filter((kv) => this.#isEntry(line, kv));
    }
    return entries
      .slice(0, limit)
      .map((kv) => ({ ...toNode(this.#store.keys.path(kv.key), kv), label: this.#label(line, kv) }));
  }

  /** The entry is known to be there, by its unique name, and only who is ahead has to be read. */
  async #foundAgain(line: string, path: string, createRevision: bigint, look: LookAhead): Promise<Ticket> {
    const ticket = { line, path, createRevision, ahead: [], followed: true };
    // Until it is answered: nobody but the caller of this knows of the entry, and could take it out of the line.
    const standing = await this.#store.answered(() => this.standing(ticket, look));
    if (!standing.present) throw unknownOutcome(new Error(`${path} was deleted`));
    return { ...ticket, ahead: standing.ahead };
  }

  #among(line: string, { label }: LookAhead) {
    const { keys } = this.#store;
    return label === undefined ? keys.below(line) : keys.belowWith(line, labelPrefix(label));
  }

  #neighbours(line: string, kvs: readonly IKeyValue[]): readonly Neighbour[] {
    return kvs
      .filter((kv) => this.#isEntry(line, kv))
      .map((kv) => ({ path: this.#store.keys.path(kv.key), label: this.#label(line, kv) }));
  }

  #isEntry(line: string, { key, lease }: IKeyValue): boolean {
    return lease !== "0" && this.#store.keys.childName(line, key) !== undefined;
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
