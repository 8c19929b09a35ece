const LENGTH_BYTES = 4;
/** Of each frame the beginning is looked at: as much as the header of a reply. */
const HEAD_BYTES = 16;
/** More than any server sends or takes. */
const MAX_FRAME_BYTES = 1 << 30;

/** Follows the length-prefixed frames of one direction of a stream, without keeping them. */
export class FrameScanner {
  readonly #onHead: (head: Buffer) => void;
  readonly #head = Buffer.alloc(LENGTH_BYTES + HEAD_BYTES);
  #filled = 0;
  #skip = 0;

  constructor(onHead: (head: Buffer) => void) {
    this.#onHead = onHead;
  }

  /** Whether the stream stands between two frames. */
  get atBoundary(): boolean {
    return this.#filled === 0 && this.#skip === 0;
  }

  push(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - offset);
        this.#skip -= skipped;
        offset += skipped;
        continue;
      }
      const copied = chunk.copy(this.#head, this.#filled, offset, offset + this.#wanted() - this.#filled);
      this.#filled += copied;
      offset += copied;
      // Asked again: the length may have become known just now.
      if (this.#filled === this.#wanted()) this.#headComplete();
    }
  }

  #wanted(): number {
    if (this.#filled < LENGTH_BYTES) return LENGTH_BYTES;
    const length = this.#head.readInt32BE(0);
    if (length < 0 || length > MAX_FRAME_BYTES) throw new Error(`a frame of ${length} bytes`);
    return LENGTH_BYTES + Math.min(length, HEAD_BYTES);
  }

  #headComplete(): void {
    const head = this.#head.subarray(LENGTH_BYTES, this.#filled);
    this.#skip = this.#head.readInt32BE(0) - head.length;
    this.#filled = 0;
    this.#onHead(head);
  }
}
