/** MurmurHash3 by Austin Appleby (public domain), in its x86 variant of 32 bits. */
export function murmur3(bytes: Uint8Array, seed: number): number {
  const { length } = bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const tail = length & ~3;
  let hash = seed;
  for (let at = 0; at < tail; at += 4) {
    hash ^= block(view.getUint32(at, true));
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  let rest = 0;
  for (let at = length - 1; at >= tail; at -= 1) rest = (rest << 8) | view.getUint8(at);
  if (tail < length) hash ^= block(rest);
  return scramble(hash ^ length);
}

function block(bits: number): number {
  const product = Math.imul(bits, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}

/** Its finalizer: a permutation of 32 bits in which each bit of the result hangs on all that went in. */
export function scramble(bits: number): number {
  let mixed = bits;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
