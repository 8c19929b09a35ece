import { Command } from "ioredis";

export type Argument = string | number | Buffer;

/** What is larger is not worth copying once more. */
const LARGE_BYTES = 16_384;
/** Characters that are one byte each, and the same one, in UTF-8 and Latin-1. */
const ASCII = /^[\0-\x7f]*$/;

/**
 * A command as one piece of bytes: ioredis itself makes a list of buffers where one argument is bytes, which costs more than the
 * rest of the request.
 */
export class Request extends Command {
  override toWritable(socket: object): string | Buffer {
    const { name, args } = this;
    if (args.some((arg) => arg instanceof Buffer && arg.length > LARGE_BYTES))
      return super.toWritable(socket);
    // One character is one byte here.
    let text = `*${args.length + 1}\r\n$${name.length}\r\n${name}\r\n`;
    for (const arg of args) {
      const bytes = latin1(arg);
      text += `$${bytes.length}\r\n${bytes}\r\n`;
    }
    return Buffer.from(text, "latin1");
  }
}

function latin1(arg: unknown): string {
  if (arg instanceof Buffer) return arg.toString("latin1");
  const text = String(arg);
  return ASCII.test(text) ? text : Buffer.from(text).toString("latin1");
}
