import { randomUUID } from "node:crypto";
import { checkOptions } from "../../internal/check.js";
import type { Keeper } from "../../internal/keeper.js";
import { checkWaitOptions, type WaitOptions } from "../../internal/wait.js";
import type { CallOptions, Data } from "../../node-writer.js";
import { GroupView } from "./group-view.js";
import { inOrder, keepMember, liveMembers, type Member, memberOf } from "./member.js";
import { Membership } from "./membership.js";

export interface JoinOptions extends WaitOptions {
  /** Tells this member from the others: one segment of a path. Default: a random one. */
  readonly id?: string | undefined;
  /** What the others see of this member, such as its address. Default empty. */
  readonly data?: Data | undefined;
}

/** Who is there: processes join a group and see each other come and go. Members are ephemeral nodes `<path>/<id>`. */
export class Group {
  readonly #keeper: Keeper;
  readonly #path: string;

  /** Groups come from `coordinator.group(path)`. */
  constructor(keeper: Keeper, path: string) {
    this.#keeper = keeper;
    this.#path = path;
  }

  /**
   * Joins, and resolves when the member stands. Belongs to the coordinator: after a session loss the member comes back by itself in
   * the next session, with its latest data, unless it has left meanwhile (GRP-1, GRP-2). With no store yet it waits for one (GRP-5).
   * A member of the same id from another session, or joined earlier by this coordinator, is replaced.
   * Given up by `signal` or `timeoutMs`, nothing stays in the group.
   * Errors: `INVALID_PATH` (id), `INVALID_ARGUMENT`, `DATA_TOO_LARGE`, `ABORTED`, `TIMEOUT`, `CLOSED`, also when a later one of the
   * same id in this process takes its place; `NODE_EXISTS` (a node that no session holds), `EPHEMERAL_PARENT`, `ACCESS_DENIED` and
   * whatever else the store refuses the member with. In later sessions such a refusal is tried again.
   */
  async join(options: JoinOptions = {}): Promise<Membership> {
    checkWaitOptions("join", options, ["id", "data"]);
    const { id = randomUUID(), data = "", signal, timeoutMs } = options;
    const node = await keepMember(this.#keeper, this.#path, "join", { id, data, signal, timeoutMs });
    return new Membership(node, id);
  }

  /** The members now, read linearizably (READ-2), in the order in which they came (GRP-4); none when nobody ever joined. Errors: `ABORTED`, `CLOSED`, `SESSION_LOST`. */
  async members(options: CallOptions = {}): Promise<readonly Member[]> {
    checkOptions("members", options, ["signal"]);
    const live = await this.#keeper.live(options.signal);
    const read = () =>
      live.idempotent((backend) => backend.childNodes(this.#path, linearizable), options.signal);
    const children = (await read()) ?? [];
    return inOrder(children.map(memberOf).filter((member) => member !== undefined));
  }

  /**
   * Opens a live view and resolves when its members are known. Belongs to the coordinator: it goes on in the next session, and says
   * when it is stale (GRP-3). Errors: `ABORTED`, `TIMEOUT`, `CLOSED`, `ACCESS_DENIED`.
   */
  async view(options: WaitOptions = {}): Promise<GroupView> {
    checkWaitOptions("view", options);
    return new GroupView(await liveMembers(this.#keeper, this.#path, "view", options));
  }
}

const linearizable = { linearizable: true };
