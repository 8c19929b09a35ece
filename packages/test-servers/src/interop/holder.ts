import { type Coordinator, connect } from "@conclave/api";
import type { Backend } from "@conclave/api/backend";
import { answerCalls } from "../calls.js";

/** The whole program of a process of ours that holds something until it is killed, but for its backend. */
export function runHolder(backend: (url: string) => Backend): void {
  const [url = "", sessionTimeoutMs = ""] = process.argv.slice(2);
  let coordinator: Promise<Coordinator> | undefined;
  const connected = (): Promise<Coordinator> => {
    coordinator ??= connect(backend(url), { namespace: "/", sessionTimeoutMs: Number(sessionTimeoutMs) });
    return coordinator;
  };
  answerCalls({
    acquire: async (path: string) => (await (await connected()).lock(path).acquire()).path,
    campaign: async (path: string, data: string) =>
      (await (await connected()).election(path).campaign({ data })).path,
  });
}
