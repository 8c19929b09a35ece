import type { ClientClock } from "./client-clock.js";
import type { Connection } from "./connection.js";
import type { BlackHoleOptions, Faults } from "./faults.js";
import { RequestCounts, type RequestMethod } from "./requests.js";

/** The state of one client's way to the store, shared by all its connections. */
export class Link implements Faults {
  readonly connections = new Set<Connection>();
  readonly requests = new RequestCounts();
  readonly #clock: ClientClock;
  readonly #whenReachable = new Set<() => void>();
  #refused = false;
  #holdsRequests = false;
  #holdsReplies = false;
  #delayMs = 0;
  #dropNextReply = false;
  /** The process does not run. */
  #paused = false;
  /** What came in while it did not run has not been read yet. */
  #deaf = false;

  constructor(clock: ClientClock) {
    this.#clock = clock;
  }

  get reachable(): boolean {
    return !this.#refused;
  }

  get carries(): boolean {
    return !this.#holdsRequests;
  }

  get delivers(): boolean {
    return !this.#holdsReplies && !this.#deaf;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  get delayMs(): number {
    return this.#delayMs;
  }

  /** Calls once, when the store accepts connections again; returns a function that cancels it. */
  whenReachable(run: () => void): () => void {
    this.#whenReachable.add(run);
    return () => this.#whenReachable.delete(run);
  }

  /** Whether the reply to this request is to be lost. */
  takeDroppedReply(method: RequestMethod): boolean {
    if (!this.#dropNextReply || method === "renew" || method === "connect") return false;
    this.#dropNextReply = false;
    return true;
  }

  cut(): void {
    this.#breakAll("the connection was cut");
  }

  halfOpen(): void {
    for (const connection of this.connections) connection.goSilent();
  }

  refuse(): void {
    this.#refused = true;
    this.#breakAll("the connection was cut, and the store refuses new ones");
  }

  accept(): void {
    this.#refused = false;
    const waiting = [...this.#whenReachable];
    this.#whenReachable.clear();
    for (const run of waiting) run();
  }

  blackHole({ only }: BlackHoleOptions = {}): void {
    this.#hold(only !== "replies", only !== "requests");
  }

  heal(): void {
    this.#hold(false, false);
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  dropNextReply(): void {
    this.#dropNextReply = true;
  }

  pause(): void {
    this.#paused = true;
    this.#deaf = true;
    this.#clock.stop();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    for (const connection of [...this.connections]) connection.sendHeld();
    // A process that was stopped runs its due timers first and reads its sockets then.
    this.#clock.go(() => {
      this.#deaf = this.#paused;
      if (!this.#paused) for (const connection of [...this.connections]) connection.wake();
    });
  }

  #hold(requests: boolean, replies: boolean): void {
    this.#holdsRequests = requests;
    this.#holdsReplies = replies;
    for (const connection of [...this.connections]) connection.pump();
  }

  #breakAll(cause: string): void {
    for (const connection of [...this.connections]) connection.breakOff(cause);
  }
}
