/** What a piece of a client's stream holds, as far as the suite wants to know it. */
export interface SeenRequest {
  /** Tells the reply that belongs to it. */
  readonly id: number;
  /** It is made for a call: no renewal, no ping, no watch. */
  readonly isCall: boolean;
}

export interface SeenReplies {
  /** Ids of the requests that are answered. */
  readonly ids: readonly number[];
  /** Changes that watches tell of. */
  readonly notifications: number;
}

/**
 * Reads a store's protocol as it passes through a proxy, for one client. Pieces begin and end where messages do unless these are
 * large; it looks only for what tests make small.
 */
export interface Wire {
  requests(chunk: Buffer): readonly SeenRequest[];
  replies(chunk: Buffer): SeenReplies;
}
