import { connect, ZooKeeperError } from "@conclave/zookeeper-client";

export async function example(servers: string): Promise<string> {
  // Several servers and a chroot: "zk1:2181,zk2:2181,[fd00::3]:2181/app"
  const client = await connect({ servers, sessionTimeoutMs: 10_000 });
  try {
    await client.create("/config", Buffer.from("red"));
    await client.create("/config/me", new Uint8Array(), { ephemeral: true });

    const changes = await client.watch("/config", { recursive: true });
    await client.setData("/config", Buffer.from("green"), 0);
    for await (const change of changes) {
      // { type: "changed", path: "/config" }; or { type: "gap" } after a disconnection: read again
      if (change.type === "changed") break;
    }

    try {
      await client.multi([
        { type: "check", path: "/config", version: 1 },
        { type: "delete", path: "/config" },
      ]);
    } catch (error) {
      // It has a child: the error names the operation, and nothing was done.
      if (!ZooKeeperError.is(error, "NOTEMPTY")) throw error;
    }
    const { data } = await client.getData("/config");
    return data.toString();
  } finally {
    await client.close();
  }
}
