/** 32 bits of `text`: FNV-1a over its UTF-16 code units, from `seed`, then the finalizer of MurmurHash3. */
function hash(text: string, seed: number): number {
  let bits = seed;
  for (let i = 0; i < text.length; i += 1) bits = Math.imul(bits ^ text.charCodeAt(i), 0x01000193);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

const seeds = [0x811c9dc5, 0x9e3779b9] as const;

/**
 * The candidate that a key belongs to, by rendezvous hashing (Thaler and Ravishankar, 1998): the one that scores highest together
 * with the key. The same for everybody who sees the same candidates, in whatever order; when one goes, only its own keys move, and
 * when one comes, keys move only to it. O(number of candidates).
 */
export function rendezvous<T>(key: string, candidates: Iterable<readonly [string, T]>): T | undefined {
  const [high, low] = seeds.map((seed) => hash(key, seed)) as [number, number];
  let best: { readonly id: string; readonly score: number; readonly value: T } | undefined;
  for (const [id, value] of candidates) {
    // 53 bits, which a number holds exactly, so that ties are for the id to break only in theory.
    const score = hash(id, high) * 2 ** 21 + (hash(id, low) >>> 11);
    if (best === undefined || score > best.score || (score === best.score && id < best.id)) {
      best = { id, score, value };
    }
  }
  return best?.value;
}
