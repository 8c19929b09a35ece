import { Etcd3 } from "etcd3";

/** For tests: ends a session at the store, from another client. Resolves when it has ended, also if it had before. */
export async function expireSession(hosts: string | readonly string[], sessionId: string): Promise<void> {
  await withClient(hosts, async (client) => {
    try {
      await client.leaseClient.leaseRevoke({ ID: BigInt(`0x${sessionId}`).toString() });
    } catch (error) {
      // gRPC's NOT_FOUND: the lease is gone already.
      if (!(error instanceof Error) || !/lease not found/.test(error.message)) throw error;
    }
  });
}

/** For tests: has the store forget all history up to now. */
export async function compact(hosts: string | readonly string[]): Promise<void> {
  await withClient(hosts, async (client) => {
    const { header } = await client.kv.range({ key: Buffer.from("/"), count_only: true });
    await client.kv.compact({ revision: header.revision, physical: true });
  });
}

async function withClient(
  hosts: string | readonly string[],
  run: (client: Etcd3) => Promise<void>,
): Promise<void> {
  const client = new Etcd3({ hosts: typeof hosts === "string" ? hosts : [...hosts] });
  try {
    await run(client);
  } finally {
    client.close();
  }
}
