import { createServer } from "node:net";
import { claimPort } from "./port-claims.js";

/*
 * Ports are taken from below the range that Linux, macOS and Windows use for outgoing connections: a port from
 * `listen(0)` could be taken as the source port of somebody's connection while a restarted server is down, and a
 * client that retries against it could even connect to itself.
 */
const FIRST_PORT = 10_240;
const LAST_PORT = 32_767;
const ATTEMPTS = 50;

/** Also those that turned out to be taken. */
const handedOut = new Set<number>();

/**
 * Returns a loopback port that was free a moment ago and is nobody else's: it has not been returned before in this process, nor in
 * another one that lives.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (claimPort(port) && (await canListen(port))) return port;
  }
  throw new Error(`no free port found between ${FIRST_PORT} and ${LAST_PORT} in ${ATTEMPTS} attempts`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
