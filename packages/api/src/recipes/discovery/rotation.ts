interface Slot<T> {
  readonly key: string;
  value: T;
}

/**
 * Values by key, which take turns. Every step is O(1), whatever their number: the values stand in a dense list, those that have had
 * their turn in this round before the others, and a hole is filled from the end of its part.
 */
export class Rotation<T> {
  readonly #slots: Slot<T>[] = [];
  readonly #places = new Map<string, number>();
  /** So many have had their turn in this round. */
  #served = 0;

  get size(): number {
    return this.#slots.length;
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  get(key: string): T | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#slots[place]?.value;
  }

  /** A known key keeps its place. A new one joins with the next round, so that no coming and going keeps this round from ending. */
  set(key: string, value: T): void {
    const known = this.#slots[this.#places.get(key) ?? -1];
    if (known !== undefined) {
      known.value = value;
      return;
    }
    this.#move(this.#served, this.#slots.length);
    this.#put({ key, value }, this.#served);
    this.#served += 1;
  }

  delete(key: string): boolean {
    let hole = this.#places.get(key);
    if (hole === undefined) return false;
    this.#places.delete(key);
    if (hole < this.#served) {
      this.#served -= 1;
      this.#move(this.#served, hole);
      hole = this.#served;
    }
    this.#move(this.#slots.length - 1, hole);
    this.#slots.pop();
    return true;
  }

  /** The next in turn; within one round each has exactly one. */
  next(): T | undefined {
    if (this.#served >= this.#slots.length) this.#served = 0;
    const slot = this.#slots[this.#served];
    if (slot !== undefined) this.#served += 1;
    return slot?.value;
  }

  /** Any of them; `chance` is from 0 up to but not including 1. */
  any(chance: number): T | undefined {
    return this.#slots[Math.floor(chance * this.#slots.length)]?.value;
  }

  *[Symbol.iterator](): IterableIterator<readonly [string, T]> {
    for (const { key, value } of this.#slots) yield [key, value];
  }

  #put(slot: Slot<T>, place: number): void {
    this.#slots[place] = slot;
    this.#places.set(slot.key, place);
  }

  #move(from: number, to: number): void {
    const slot = this.#slots[from];
    if (slot !== undefined && from !== to) this.#put(slot, to);
  }
}
