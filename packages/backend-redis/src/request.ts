import { Command } from "ioredis";

export type Argument = string | number | Buffer;

/** What is larger is not worth copying once more. */
const LARGE_BYTES = 16_384;
/** Characters that are one byte each, and the same one, in UTF-8 and Latin-1. */
const ASCII = /^[\0-\x7f]*$/;

/**
 * A command that is written in one piece: ioredis itself makes a list of buffers where one argument is bytes, which costs more than
 * the rest of the request. ioredis is not told its arguments, so that neither its errors nor its traces have them.
 */
export class Request extends Command {
  readonly #args: readonly Argument[];

  constructor(name: string, args: readonly Argument[]) {
    super(name);
    this.#args = args;
  }

  /** A string has one character for each byte. */
  override toWritable(): string | Buffer {
    const { name } = this;
    let text = `*${this.#args.length + 1}\r\n$${name.length}\r\n${name}\r\n`;
    const pieces: Buffer[] = [];
    for (const arg of this.#args) {
      if (arg instanceof Buffer && arg.length > LARGE_BYTES) {
        pieces.push(Buffer.from(`${text}$${arg.length}\r\n`, "latin1"), arg);
        text = "\r\n";
      } else {
        const bytes = latin1(arg);
        text += `$${bytes.length}\r\n${bytes}\r\n`;
      }
    }
    return pieces.length === 0 ? text : Buffer.concat([...pieces, Buffer.from(text, "latin1")]);
  }
}

function latin1(arg: Argument): string {
  if (arg instanceof Buffer) return arg.toString("latin1");
  const text = String(arg);
  return ASCII.test(text) ? text : Buffer.from(text).toString("latin1");
}
