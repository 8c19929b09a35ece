import { createHash } from "node:crypto";

/** Bytes of a hash that make a weight: as many as a number holds exactly. */
const weightBytes = 6;

/**
 * Who of several members owns which of a number of partitions, by rendezvous hashing (Thaler and Ravishankar, "A Name-Based Mapping
 * Scheme for Rendezvous", 1998): of each partition, the member with the highest weight. All who know the same members come to the
 * same owners; when a member comes or goes, only partitions that it gains or had change hands. Keeps the members' weights, so that a
 * change costs one hash, of the one who came, and as many comparisons as there are partitions and members.
 */
export class PartitionOwners {
  readonly #partitions: number;
  #weights = new Map<string, Float64Array>();

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  /** The owner of each partition; `undefined` when there are no members. */
  among(members: Iterable<string>): readonly (string | undefined)[] {
    const known = this.#weights;
    // Those who left are forgotten, and whoever stays is not hashed again.
    this.#weights = new Map();
    const owners = new Array<string | undefined>(this.#partitions).fill(undefined);
    const highest = new Float64Array(this.#partitions).fill(-1);
    for (const member of members) {
      const weights = known.get(member) ?? weightsOf(member, this.#partitions);
      this.#weights.set(member, weights);
      for (let partition = 0; partition < this.#partitions; partition += 1) {
        const [weight = 0, leading = 0] = [weights[partition], highest[partition]];
        if (weight < leading || (weight === leading && member < (owners[partition] ?? ""))) continue;
        highest[partition] = weight;
        owners[partition] = member;
      }
    }
    return owners;
  }
}

/** As many bytes from one hash as all weights of a member take: one call costs less than one a partition. */
function weightsOf(member: string, partitions: number): Float64Array {
  const outputLength = partitions * weightBytes;
  const bytes = createHash("shake256", { outputLength }).update(member).digest();
  return Float64Array.from({ length: partitions }, (_, partition) =>
    bytes.readUIntBE(partition * weightBytes, weightBytes),
  );
}
