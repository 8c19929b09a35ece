import type { Socket } from "node:net";

export type Direction = "toServer" | "toClient";

/** What the proxy does to bytes at the moment; shared by all its connections and changed while they are open. */
export interface Weather {
  readonly held: Record<Direction, boolean>;
  latencyMs: number;
  sliceBytes: number;
}

/** Bytes, or the end of the stream, on their way since `dueAt`. */
type Item = { readonly dueAt: number } & ({ chunk: Buffer } | { readonly end: "fin" | "reset" });

const HIGH_WATER_BYTES = 64 * 1024;

/**
 * One direction of one connection: a queue between a socket that is read and a socket that is written. The end of
 * the stream travels in the queue too, so that it is delayed and held like the bytes before it.
 */
export class Flow {
  readonly #source: Socket;
  readonly #direction: Direction;
  readonly #weather: Weather;
  readonly #forwarded: (bytes: number) => void;
  #target: Socket | undefined;
  #queue: Item[] = [];
  #queuedBytes = 0;
  #busy = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(source: Socket, direction: Direction, weather: Weather, forwarded: (bytes: number) => void) {
    this.#source = source;
    this.#direction = direction;
    this.#weather = weather;
    this.#forwarded = forwarded;
  }

  /** Gives the socket to write to, once it is connected. */
  connect(target: Socket): void {
    this.#target = target;
    this.pump();
  }

  push(chunk: Buffer): void {
    this.#queuedBytes += chunk.length;
    // A sender sees its window fill up when nothing is taken off at the other side.
    if (this.#queuedBytes >= HIGH_WATER_BYTES) this.#source.pause();
    this.#queue.push({ chunk, dueAt: this.#dueAt() });
    this.pump();
  }

  end(how: "fin" | "reset"): void {
    this.#queue.push({ end: how, dueAt: this.#dueAt() });
    this.pump();
  }

  /** Forwards what may be forwarded now. To be called whenever the weather has improved. */
  pump(): void {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    const item = this.#queue[0];
    const target = this.#target;
    if (item === undefined || target === undefined) return;
    if (this.#busy || this.#closed || this.#weather.held[this.#direction]) return;
    const waitMs = this.#weather.latencyMs === 0 ? 0 : item.dueAt - performance.now();
    if (waitMs > 0) {
      this.#timer = setTimeout(() => this.pump(), waitMs);
      return;
    }
    if ("end" in item) {
      this.#queue = [];
      if (item.end === "fin") target.end();
      else target.resetAndDestroy();
      return;
    }
    this.#write(target, this.#take(item));
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
    clearTimeout(this.#timer);
  }

  #dueAt(): number {
    return performance.now() + this.#weather.latencyMs;
  }

  /** Takes the whole chunk, or a slice off its front. */
  #take(item: { chunk: Buffer }): Buffer {
    const { chunk } = item;
    const size = Math.min(chunk.length, this.#weather.sliceBytes);
    if (size === chunk.length) this.#queue.shift();
    else item.chunk = chunk.subarray(size);
    this.#queuedBytes -= size;
    if (this.#queuedBytes < HIGH_WATER_BYTES && this.#source.isPaused()) this.#source.resume();
    return chunk.subarray(0, size);
  }

  #write(target: Socket, bytes: Buffer): void {
    this.#busy = true;
    this.#forwarded(bytes.length);
    // The callback comes when the kernel has taken the bytes, so a slow reader holds up the queue. The next turn
    // of the loop keeps slices apart, which would otherwise be written as one.
    target.write(bytes, () => {
      setImmediate(() => {
        this.#busy = false;
        this.pump();
      });
    });
  }
}
