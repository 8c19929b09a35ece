import { connect } from "node:net";
import { endOfValue } from "./resp.js";

/** Sends a server one command and returns its answer as it came, a bulk string without its length. */
export function ask(url: string, command: readonly string[], timeoutMs = 5_000): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let answer = "";
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no answer to "${command[0]}" within ${timeoutMs} ms`));
    }, timeoutMs);
    socket.on("connect", () => socket.write(encode(command)));
    // One byte is one character, so that lengths are what they say.
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      answer += chunk;
      if (endOfValue(answer, 0) === undefined) return;
      resolve(answer.replace(/^\$\d+\r\n/, "").trimEnd());
      socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      reject(new Error(`the connection ended: ${answer.slice(0, 200)}`));
    });
  });
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}
