import { endOfValue } from "../resp.js";
import type { SeenReplies, SeenRequest, Wire } from "./wire.js";

/** What scripts are run for, beside calls: their first argument names it. */
const NOT_CALLS = new Set(["meet", "open", "renew", "reap", "attach", "watch", "unwatch", "end"]);
/** Of a blocking read: nothing, or a list of streams, each a name and its entries. */
const BLOCKING = /^\*(-1\r\n|\d+\r\n\*2\r\n\$)/;
/** Every script replies a list that begins with a number, and nothing else does that is asked for while scripts run. */
const SCRIPT = /^\*\d+\r\n:/;

/**
 * Redis's protocol, as our backend speaks it: scripts on one connection, blocking reads on another. Replies come in the order of
 * the requests, so that those of scripts are told by counting.
 */
export function redisWire(): Wire {
  let lastId = 0;
  let pending: number[] = [];
  return {
    requests: oncePerChunk((chunk) => {
      const seen: SeenRequest[] = [];
      for (const [command = "", , , , name = ""] of commandsIn(chunk.toString("latin1"))) {
        // What a connection that runs scripts begins with.
        if (command.toLowerCase() === "info") pending = [];
        if (!/^eval(sha)?$/i.test(command)) continue;
        pending.push(++lastId);
        seen.push({ id: lastId, isCall: !NOT_CALLS.has(name) });
      }
      return seen;
    }),
    replies: oncePerChunk((chunk): SeenReplies => {
      const ids: number[] = [];
      let notifications = 0;
      for (const reply of repliesIn(chunk.toString("latin1"))) {
        if (BLOCKING.test(reply)) notifications += entriesIn(reply);
        else if (SCRIPT.test(reply) || reply.startsWith("-")) {
          const id = pending.shift();
          if (id !== undefined) ids.push(id);
        }
      }
      return { ids, notifications };
    }),
  };
}

/** A chunk may be looked at by several, and counts once. */
function oncePerChunk<T>(look: (chunk: Buffer) => T): (chunk: Buffer) => T {
  const known = new WeakMap<Buffer, { readonly seen: T }>();
  return (chunk) => {
    const { seen } = known.get(chunk) ?? { seen: look(chunk) };
    known.set(chunk, { seen });
    return seen;
  };
}

/** Entries of the stream of a session; those of the other stream tell of deadlines. */
function entriesIn(reply: string): number {
  return reply
    .split(/\*2\r\n\$\d+\r\n(?=\S*\}:(?:e:|due))/)
    .filter((stream) => /^\S*\}:e:/.test(stream))
    .reduce((sum, stream) => sum + (stream.match(/\r\n\*2\r\n\$\d+\r\n\d+-\d+\r\n/g)?.length ?? 0), 0);
}

/** The first few words of each command in a chunk. */
function* commandsIn(text: string): Generator<readonly string[]> {
  for (let at = 0; at < text.length; ) {
    const count = /^\*(\d+)\r\n/.exec(text.slice(at, at + 16));
    if (count === null) return;
    at += count[0].length;
    const words: string[] = [];
    for (let left = Number(count[1]); left > 0; left--) {
      const length = /^\$(\d+)\r\n/.exec(text.slice(at, at + 16));
      if (length === null) break;
      at += length[0].length;
      words.push(text.slice(at, at + Number(length[1])));
      at += Number(length[1]) + 2;
    }
    yield words;
  }
}

function* repliesIn(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    const end = endOfValue(text, at) ?? text.length;
    yield text.slice(at, end);
    at = end;
  }
}
