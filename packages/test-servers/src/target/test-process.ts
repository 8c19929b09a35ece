import type { Backend } from "@conclave/api/backend";
import { serveProcess, type TestCommand, type TestProcess, type TestReply } from "@conclave/conformance";
import { answerCalls, hangUp } from "../calls.js";
import { spawnNode } from "../spawn-node.js";

/** A client of the server in a Node.js process of its own. */
export function testProcess(worker: URL, url: string, namespace: string): TestProcess {
  const child = spawnNode(worker, { args: [url, namespace] });
  return {
    run: (command) => child.call("run", command) as Promise<TestReply>,
    pause: async () => child.pause(),
    resume: async () => child.resume(),
    kill: async () => {
      await child.kill();
    },
    exit: async () => {
      await child.call("hangUp");
      const { code, signal } = await child.exit;
      if (code !== 0 && signal === null) throw new Error(`it ended with ${code}: ${child.stderr.join("\n")}`);
    },
  };
}

/** The whole program of a test process, but for its backend. */
export function runProcess(backend: (url: string) => Backend): void {
  const [url = "", namespace = "/"] = process.argv.slice(2);
  serveProcess(backend(url), namespace, {
    serve: (answer) => answerCalls({ run: (command: TestCommand) => answer(command), hangUp }),
  });
}
