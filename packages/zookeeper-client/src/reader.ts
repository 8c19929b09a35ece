import { badPacket } from "./errors.js";
import { viewOf } from "./outbox.js";

const NOTHING = Buffer.alloc(0);
const TWO_TO_32 = 0x1_0000_0000;
/** Seconds and milliseconds of a plausible time fit; beyond, a number would lose precision. */
const MOST_HIGH_WORD = 0x1f_ffff;

/**
 * Reads one packet within its bounds: whatever lengths it claims, nothing is read or allocated beyond the bytes that
 * have arrived. Throws a `ConnectionError` with `BAD_PACKET`.
 */
export class Reader {
  #bytes: Buffer = NOTHING;
  #view: DataView = viewOf(NOTHING);
  #at = 0;
  #end = 0;
  #owned = false;

  /** `owned`: the bytes will not be written to again, and hold little beside the packet. */
  reset(bytes: Buffer, view: DataView, from: number, to: number, owned: boolean): void {
    this.#bytes = bytes;
    this.#view = view;
    this.#at = from;
    this.#end = to;
    this.#owned = owned;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4));
  }

  /** The two halves of the zxid of a header are kept apart: few ask for it as one. */
  uint32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.#advance(8));
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#advance(8));
  }

  /** A 64-bit value of which only the range of safe integers is used: a time. */
  time(): number {
    const at = this.#advance(8);
    const high = this.#view.getInt32(at);
    if (high > MOST_HIGH_WORD || high < -MOST_HIGH_WORD) throw badPacket("a time out of range");
    return high * TWO_TO_32 + this.#view.getUint32(at + 4);
  }

  bool(): boolean {
    return this.#view.getUint8(this.#advance(1)) !== 0;
  }

  /** A string that is null is read as empty. */
  string(): string {
    const length = this.#length();
    const at = this.#advance(length);
    return this.#bytes.toString("utf8", at, at + length);
  }

  /** Bytes of the caller's own. A buffer that is null is read as empty. */
  bytes(): Buffer {
    const length = this.#length();
    const at = this.#advance(length);
    const part = this.#bytes.subarray(at, at + length);
    return this.#owned ? part : Buffer.from(part);
  }

  strings(): string[] {
    const count = this.count(4);
    const values: string[] = [];
    for (let i = 0; i < count; i++) values.push(this.string());
    return values;
  }

  /** The length of a vector, of which each entry takes so many bytes at least. */
  count(leastBytes: number): number {
    const count = this.int32();
    if (count < -1 || count * leastBytes > this.remaining) throw badPacket(`a list of ${count} entries`);
    return Math.max(0, count);
  }

  #length(): number {
    const length = this.int32();
    if (length < -1) throw badPacket(`a length of ${length}`);
    return Math.max(0, length);
  }

  #advance(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#end - at) throw badPacket("a packet that is too short for what it holds");
    this.#at = at + bytes;
    return at;
  }
}
