import { ask, fourLetterWord, type TestServer } from "@conclave/test-servers";

/** How many requests the server has answered since it was started, pings among them. */
export async function requestsServed({ kind, host, port, url }: TestServer): Promise<number> {
  if (kind === "zookeeper") {
    const answer = await fourLetterWord(host, port, "srvr", 5_000);
    return Number(/^Sent: (\d+)/m.exec(answer)?.[1]);
  }
  if (kind === "redis") {
    // Those of clients: what scripts call themselves has other names.
    const stats = await ask(url, ["INFO", "commandstats"]);
    const calls = stats.matchAll(/^cmdstat_(?:evalsha|eval|get|set|del):calls=(\d+)/gm);
    return Array.from(calls, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
  }
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const handled = metrics.matchAll(/^grpc_server_handled_total\{.*grpc_type="unary"\} (\S+)$/gm);
  return Array.from(handled, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
}
