import type { IDuplexStream, ILeaseKeepAliveRequest, ILeaseKeepAliveResponse } from "etcd3";
import type { Connection } from "./connection.js";
import { connectionLost } from "./errors.js";

interface Waiting {
  readonly resolve: (ttl: number) => void;
  readonly reject: (error: unknown) => void;
}

/** The stream on which a lease is renewed, one per connection. etcd answers in order. */
export class KeepAlive {
  readonly connection: Connection;
  readonly #lease: string;
  readonly #stream: Promise<IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>>;
  readonly #waiting: Waiting[] = [];

  constructor(connection: Connection, lease: string) {
    this.connection = connection;
    this.#lease = lease;
    this.#stream = this.#open();
    this.#stream.catch(() => {});
    connection.broken.addEventListener("abort", () => this.#failAll(connection.broken.reason), {
      once: true,
    });
  }

  /** Sends one renewal; tells when it was sent, and resolves with the seconds that the lease got, 0 if it is gone. */
  async renew(sent: () => void): Promise<number> {
    const stream = await this.#stream;
    if (this.connection.broken.aborted) {
      throw connectionLost("not-applied", this.connection.broken.reason);
    }
    return new Promise<number>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      sent();
      stream.write({ ID: this.#lease });
    });
  }

  async #open(): Promise<IDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>> {
    const stream = await this.connection.lease.leaseKeepAlive();
    this.connection.own(stream);
    stream.on("data", (response) => this.#waiting.shift()?.resolve(Number(response.TTL)));
    stream.on("error", (error) => this.connection.break(error));
    stream.on("end", () => this.connection.break(new Error("etcd ended the renewal stream")));
    return stream;
  }

  #failAll(cause: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(connectionLost("unknown", cause));
  }
}
