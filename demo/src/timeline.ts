import { director, type Entry, type EntryOf } from "./facts.js";
import type { Paint, Style } from "./paint.js";

export interface TimelineOptions {
  readonly paint: Paint;
  readonly print: (line: string) => void;
  /** When the story began, by `machineNowMs`. */
  readonly startMs: number;
}

const colours: readonly Style[] = ["cyan", "green", "yellow", "blue", "magenta"];
/** Steady work is told in one line for so long. */
const windowMs = 400;
/** How many names one line takes. */
const mostNames = 8;

/**
 * Tells what happens, one line an event: when, who, what. What comes from many at once or all the time is gathered for a
 * moment.
 */
export class Timeline {
  readonly #options: TimelineOptions;
  #done: EntryOf<"done">[] = [];
  #assigned: EntryOf<"assigned">[] = [];
  #follows: EntryOf<"follows">[] = [];
  #leader: string | undefined;
  #killed: EntryOf<"killed"> | undefined;
  #results = 0;
  #tasks = 0;
  #flush: NodeJS.Timeout | undefined;

  constructor(options: TimelineOptions) {
    this.#options = options;
  }

  add(entry: Entry): void {
    if (entry.type === "done") this.#done.push(entry);
    else if (entry.type === "assigned" && entry.from === undefined) this.#assigned.push(entry);
    else if (entry.type === "follows" && entry.life === 1) {
      if (this.#killed === undefined) return;
      this.#follows.push(entry);
    } else {
      this.#tell(entry);
      return;
    }
    this.#flush ??= setTimeout(() => this.flush(), windowMs);
  }

  /** Tells what was gathered. */
  flush(): void {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    const [follows, assigned, done] = [this.#follows, this.#assigned, this.#done];
    this.#follows = [];
    this.#assigned = [];
    this.#done = [];
    const firstFollows = follows[0];
    if (firstFollows !== undefined) {
      const names = list(follows.map(({ worker }) => this.#name(worker)));
      this.#line(firstFollows.atMs, "", `${names} now follow ${this.#name(firstFollows.leader)}`);
    }
    const firstAssigned = assigned[0];
    if (firstAssigned !== undefined) {
      const lots = assigned.map(({ to, task }) => [to, task] as const);
      this.#line(firstAssigned.atMs, firstAssigned.worker, `hands out  ${this.#byWorker(lots)}`);
    }
    const lastDone = done.at(-1);
    if (lastDone !== undefined) {
      this.#results += done.length;
      const lots = done.map(({ worker, task }) => [worker, task] as const);
      const progress = this.#options.paint("dim", `${this.#results} of ${this.#tasks} done`);
      this.#line(lastDone.atMs, "", `results    ${this.#byWorker(lots)}  ${progress}`);
    }
  }

  #tell(entry: Entry): void {
    if (entry.type === "elected") this.#leader = entry.worker;
    if (entry.type === "published") this.#tasks += entry.tasks.length;
    const text = this.#textOf(entry);
    if (text === undefined) return;
    this.flush();
    const who = entry.type === "killed" ? director.worker : entry.worker;
    this.#line(entry.atMs, who, text);
    if (entry.type !== "killed") return;
    this.#killed = entry;
    this.#leader = undefined;
  }

  #textOf(entry: Entry): string | undefined {
    const { paint } = this.#options;
    switch (entry.type) {
      case "opened":
        return `starts ${list(entry.workers.map((worker) => this.#name(worker)))}`;
      case "started":
        return entry.life === 1 ? undefined : "comes back: started again under its old name";
      case "published":
        return `publishes ${entry.tasks.length} tasks`;
      case "killed":
        return `${paint(["bold", "red"], `kills the leader, ${entry.worker}`)}: no resignation, no goodbye; its session has to run out`;
      case "elected":
        return `${paint("bold", "is elected leader")}, fencing token ${entry.token}${this.#sinceDeath(entry.atMs)}`;
      case "deposed":
        return paint("yellow", "is the leader no more");
      case "follows":
        return `follows ${this.#name(entry.leader)}`;
      case "sees":
        return `sees ${entry.workers.length} live ${entry.workers.length === 1 ? "worker" : "workers"}`;
      case "assigned":
        return `hands ${entry.task} of the dead ${entry.from} out again, to ${this.#name(entry.to)}`;
      case "session":
        return entry.state === "suspended" || entry.state === "lost"
          ? paint("yellow", `session ${entry.state}`)
          : undefined;
      default:
        return undefined;
    }
  }

  #sinceDeath(atMs: number): string {
    if (this.#killed === undefined) return "";
    return this.#options.paint("dim", `, ${seconds(atMs - this.#killed.atMs)} after the death of the last`);
  }

  #line(atMs: number, who: string, text: string): void {
    const { paint, print, startMs } = this.#options;
    const time = paint("dim", seconds(atMs - startMs).padStart(8));
    const mark = who !== "" && who === this.#leader ? paint("yellow", "★") : " ";
    print(`${time}  ${mark} ${this.#name(who, 11)}${text}`);
  }

  #name(who: string, width = 0): string {
    if (who === "") return "".padEnd(width);
    const number = Number(/\d+$/.exec(who)?.[0] ?? 0);
    const style = who === director.worker ? "bold" : (colours[number % colours.length] ?? "white");
    return this.#options.paint(style, who.padEnd(width));
  }

  #byWorker(lots: readonly (readonly [worker: string, task: string])[]): string {
    const numbers = new Map<string, string[]>();
    for (const [worker, task] of lots) {
      const own = numbers.get(worker) ?? [];
      numbers.set(worker, own);
      own.push(`#${task.replace(/^task-/, "")}`);
    }
    return list([...numbers].map(([worker, own]) => `${this.#name(worker)} ${own.join(" ")}`));
  }
}

function list(names: readonly string[]): string {
  const more = names.length - mostNames;
  return more > 0 ? `${names.slice(0, mostNames).join(", ")} and ${more} more` : names.join(", ");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
