import { connect, type Socket } from "node:net";

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Connects, and rejects with the error of the connection attempt. */
export function open({ host, port }: Address): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.on("error", () => {});
      resolve(socket);
    });
  });
}

/** "open", or the code of the error with which a connection attempt failed. */
export async function reachability(address: Address): Promise<string> {
  try {
    (await open(address)).destroy();
    return "open";
  } catch (error) {
    return String(Object(error).code);
  }
}

export interface Recording {
  readonly text: string;
  readonly ended: Promise<string>;
}

/** Everything that the socket gets, and how it ended. */
export function recording(socket: Socket): Recording {
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  const ended = new Promise<string>((resolve) => {
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once("close", () => resolve("end"));
  });
  return {
    get text() {
      return text;
    },
    ended,
  };
}
