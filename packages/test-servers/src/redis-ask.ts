import { connect } from "node:net";

/** Sends a server one command and returns its answer as it came, a bulk string without its length. */
export function ask(url: string, command: readonly string[], timeoutMs = 5_000): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let answer = "";
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no answer to "${command[0]}" within ${timeoutMs} ms`));
    }, timeoutMs);
    // The second command's answer marks the end of the first one's.
    socket.on("connect", () => socket.write(encode(command) + encode(["QUIT"])));
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      answer += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      if (!answer.endsWith("+OK\r\n")) reject(new Error(`the connection ended: ${answer.slice(0, 200)}`));
      else resolve(answer.slice(0, -5).replace(/^\$\d+\r\n/, "").trimEnd());
    });
  });
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}
