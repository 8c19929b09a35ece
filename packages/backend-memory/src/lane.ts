import type { Clock } from "@conclave/api/backend";
import type { Turns } from "./turns.js";

/** The state of the way that a lane's items take, at this moment. */
export interface Passage {
  isOpen(): boolean;
  delayMs(): number;
}

/**
 * One direction of a connection: items arrive in order, never before `push` has returned. Without a delay they take
 * no timer, only a turn of the microtask queue; while the passage is shut they are held.
 */
export class Lane<T> {
  readonly #clock: Clock;
  readonly #turns: Turns;
  readonly #passage: Passage;
  readonly #arrive: (item: T) => void;
  readonly #run = () => this.#deliver();
  #items: T[] = [];
  /** When each item is due; 0: at once. */
  #due: number[] = [];
  #head = 0;
  #scheduled = false;
  #cancelTimer: (() => void) | undefined;

  constructor(way: { clock: Clock; turns: Turns }, passage: Passage, arrive: (item: T) => void) {
    this.#clock = way.clock;
    this.#turns = way.turns;
    this.#passage = passage;
    this.#arrive = arrive;
  }

  push(item: T): void {
    const delayMs = this.#passage.delayMs();
    this.#items.push(item);
    this.#due.push(delayMs > 0 ? this.#clock.now() + delayMs : 0);
    if (!this.#scheduled) this.pump();
  }

  /** To be called when the passage may have opened. */
  pump(): void {
    const due = this.#due[this.#head];
    if (this.#scheduled || due === undefined || !this.#passage.isOpen()) return;
    this.#scheduled = true;
    const waitMs = due === 0 ? 0 : due - this.#clock.now();
    if (waitMs > 0) this.#cancelTimer = this.#clock.schedule(waitMs, this.#run);
    else this.#turns.soon(this.#run);
  }

  /** Takes out all that has not arrived. */
  drain(): readonly T[] {
    const rest = this.#items.slice(this.#head);
    this.#items = [];
    this.#due = [];
    this.#head = 0;
    if (this.#cancelTimer !== undefined) {
      this.#cancelTimer();
      this.#cancelTimer = undefined;
      this.#scheduled = false;
    }
    return rest;
  }

  #deliver(): void {
    this.#scheduled = false;
    this.#cancelTimer = undefined;
    while (this.#head < this.#items.length && this.#passage.isOpen()) {
      const due = this.#due[this.#head] ?? 0;
      if (due > 0 && due > this.#clock.now()) break;
      const item = this.#items[this.#head] as T;
      this.#head += 1;
      this.#arrive(item);
    }
    if (this.#head >= this.#items.length && this.#head > 0) {
      this.#items = [];
      this.#due = [];
      this.#head = 0;
    }
    this.pump();
  }
}
