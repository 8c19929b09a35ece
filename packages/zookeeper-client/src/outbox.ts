import { badArgument } from "./errors.js";

const SLAB_BYTES = 32 * 1024;
const LENGTH_BYTES = 4;
const MAX_UTF8_BYTES_PER_UNIT = 3;

/**
 * Serialises requests one behind the other into a slab, so that all that is ready goes out in one write. Bytes handed
 * out are never written to again: what follows goes behind them, or into a new slab.
 */
export class Outbox {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #view = viewOf(this.#slab);
  /** Of what was not handed out yet. */
  #start = 0;
  #end = 0;
  #frame = 0;
  #open = false;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Begins a packet. It counts only once `endFrame` was called. */
  beginFrame(): void {
    this.#abandonFrame();
    this.#open = true;
    this.#frame = this.#end - this.#start;
    this.#reserve(LENGTH_BYTES);
    this.#end += LENGTH_BYTES;
  }

  /** Returns the length of the packet. */
  endFrame(): number {
    const at = this.#start + this.#frame;
    const length = this.#end - at - LENGTH_BYTES;
    this.#view.setInt32(at, length);
    this.#open = false;
    return length;
  }

  cancelFrame(): void {
    this.#end = this.#start + this.#frame;
    this.#open = false;
  }

  /** Whatever made the writer give up half-way: half a packet would garble all that follow. */
  #abandonFrame(): void {
    if (this.#open) this.cancelFrame();
  }

  /** Hands out what was written since the last time. */
  take(): Buffer {
    this.#abandonFrame();
    const bytes = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return bytes;
  }

  int32(value: number): void {
    this.#reserve(4);
    this.#view.setInt32(this.#end, value);
    this.#end += 4;
  }

  int64(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigInt64(this.#end, value);
    this.#end += 8;
  }

  bool(value: boolean): void {
    this.#reserve(1);
    this.#slab[this.#end++] = value ? 1 : 0;
  }

  string(value: string): void {
    this.#reserve(4 + value.length * MAX_UTF8_BYTES_PER_UNIT);
    const written = this.#slab.write(value, this.#end + 4, "utf8");
    this.#view.setInt32(this.#end, written);
    this.#end += 4 + written;
  }

  strings(values: readonly string[]): void {
    this.int32(values.length);
    for (const value of values) this.string(value);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(4 + value.length);
    this.#view.setInt32(this.#end, value.length);
    this.#slab.set(value, this.#end + 4);
    this.#end += 4 + value.length;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#slab.length) return;
    const kept = this.#slab.subarray(this.#start, this.#end);
    const needed = kept.length + bytes;
    if (needed > 0x7fff_ffff) throw badArgument(`a request of more than ${needed} bytes`);
    // What is kept doubles, so that many appends copy each byte twice at most.
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, needed + kept.length));
    slab.set(kept, 0);
    this.#slab = slab;
    this.#view = viewOf(slab);
    this.#end = kept.length;
    this.#start = 0;
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
