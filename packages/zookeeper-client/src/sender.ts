import type { Socket } from "node:net";
import { Outbox } from "./outbox.js";
import type { Batch } from "./pending.js";

/** Sends requests in batches: all that is written until the current code and what follows from it is done goes out together. */
export class Sender {
  readonly out = new Outbox();
  readonly #socket: Socket;
  readonly #sent: (nowMs: number) => void;
  #batch: Batch = { sentAtMs: undefined };
  #ready = false;
  /** The socket takes nothing more until it has drained; what is written meanwhile is one batch. */
  #blocked = false;
  #scheduled = false;
  #stopped = false;

  constructor(socket: Socket, readyEvent: string, sent: (nowMs: number) => void) {
    this.#socket = socket;
    this.#sent = sent;
    socket.on(readyEvent, () => {
      this.#ready = true;
      this.flush();
    });
    socket.on("drain", () => {
      this.#blocked = false;
      this.flush();
    });
  }

  /** To which what is written now belongs. */
  get batch(): Batch {
    return this.#batch;
  }

  /** Begins a request, to be completed in `out`. */
  begin(xid: number, type: number): void {
    this.out.beginFrame();
    this.out.int32(xid);
    this.out.int32(type);
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(flush, this);
  }

  flush(): void {
    this.#scheduled = false;
    if (!this.#ready || this.#blocked || this.#stopped || this.out.length === 0) return;
    const nowMs = performance.now();
    this.#batch.sentAtMs = nowMs;
    this.#batch = { sentAtMs: undefined };
    this.#sent(nowMs);
    this.#blocked = !this.#socket.write(this.out.take());
  }

  stop(): void {
    this.#stopped = true;
  }
}

function flush(sender: Sender): void {
  sender.flush();
}
