import { type EtcdOptions, etcd } from "@conclave/backend-etcd";
import { startEtcd, type TestServer } from "@conclave/test-servers";
import { setUpSessions } from "@conclave/test-servers/spi";

export * from "@conclave/test-servers/spi";

/** One etcd and one proxy for a file; one namespace and all sessions closed for each test. */
export function setUp(start: () => Promise<TestServer<"etcd">> = () => startEtcd({ controllable: true })) {
  return setUpSessions<"etcd", EtcdOptions>({
    start,
    backend: (hosts, options) => etcd({ hosts, ...options }),
  });
}

/** How often etcd has handled each gRPC method, as it counts itself. */
export async function requests(url: string): Promise<Record<string, number>> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const counts: Record<string, number> = {};
  for (const [, method = "", count] of metrics.matchAll(
    /^grpc_server_started_total\{.*grpc_method="(\w+)".*\} (\S+)$/gm,
  )) {
    counts[method] = (counts[method] ?? 0) + Number(count);
  }
  return counts;
}
