import { badPacket } from "./errors.js";
import { viewOf } from "./outbox.js";

const LENGTH_BYTES = 4;
/** A packet that was received in pieces and is larger than this keeps its buffer for itself. */
const SHARED_BYTES = 16 * 1024;

/** `owned`: the bytes are the receiver's for good; otherwise they are valid during the call only. */
export type Deliver = (bytes: Buffer, view: DataView, from: number, to: number, owned: boolean) => void;

/**
 * Cuts a stream into packets. A packet that arrived whole is not copied; one in pieces is collected in a buffer that
 * grows with the bytes that came, never with the length that was announced.
 */
export class Frames {
  readonly #maxBytes: number;
  readonly #deliver: Deliver;
  #parts = Buffer.allocUnsafeSlow(SHARED_BYTES);
  #filled = 0;
  #stopped = false;
  #chunk: Buffer | undefined;
  #view: DataView | undefined;

  constructor(maxBytes: number, deliver: Deliver) {
    this.#maxBytes = maxBytes;
    this.#deliver = deliver;
  }

  /** Delivers nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  push(chunk: Buffer, length: number): void {
    // Most reads come in one and the same buffer.
    const view = this.#view !== undefined && this.#chunk === chunk ? this.#view : viewOf(chunk);
    this.#chunk = chunk;
    this.#view = view;
    let at = this.#filled > 0 ? this.#complete(chunk, length) : 0;
    let whole = LENGTH_BYTES;
    while (!this.#stopped && length - at >= LENGTH_BYTES) {
      whole = LENGTH_BYTES + this.#checked(view.getInt32(at));
      const end = at + whole;
      if (end > length) break;
      this.#deliver(chunk, view, at + LENGTH_BYTES, end, false);
      at = end;
    }
    if (at < length && !this.#stopped) this.#keep(chunk, at, length, whole);
  }

  /** Adds to the packet in pieces. Returns where the next one begins. */
  #complete(chunk: Buffer, length: number): number {
    let at = 0;
    if (this.#filled < LENGTH_BYTES) {
      at = Math.min(LENGTH_BYTES - this.#filled, length);
      this.#keep(chunk, 0, at, LENGTH_BYTES);
      if (this.#filled < LENGTH_BYTES) return at;
    }
    const end = LENGTH_BYTES + this.#checked(this.#parts.readInt32BE(0));
    const part = Math.min(end - this.#filled, length - at);
    this.#keep(chunk, at, at + part, end);
    if (this.#filled < end) return length;

    const packet = this.#parts;
    const owned = packet.length > SHARED_BYTES;
    if (owned) this.#parts = Buffer.allocUnsafeSlow(SHARED_BYTES);
    this.#filled = 0;
    this.#deliver(packet, viewOf(packet), LENGTH_BYTES, end, owned);
    return at + part;
  }

  /** `whole`: the length of the packet, as announced. */
  #keep(chunk: Buffer, from: number, to: number, whole: number): void {
    const needed = this.#filled + to - from;
    if (needed > this.#parts.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(2 * needed, whole)));
      larger.set(this.#parts.subarray(0, this.#filled));
      this.#parts = larger;
    }
    chunk.copy(this.#parts, this.#filled, from, to);
    this.#filled = needed;
  }

  #checked(length: number): number {
    if (length < 0 || length > this.#maxBytes) {
      throw badPacket(`a packet of ${length} bytes (at most ${this.#maxBytes} are taken)`);
    }
    return length;
  }
}
