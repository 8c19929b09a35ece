import {
  ConclaveError,
  Link,
  type LinkConnection,
  type LinkOptions,
  type Outcome,
  readUntilAnswered,
  writeUntilAnswered,
} from "@conclave/api/backend";
import { VirtualClock } from "@conclave/backend-memory";
import { describe, expect, onTestFinished, test, vi } from "vitest";

class Wire implements LinkConnection {
  readonly name: string;
  readonly #breaking = new AbortController();
  readonly broken = this.#breaking.signal;

  constructor(name: string) {
    this.name = name;
  }

  break(cause: unknown): void {
    this.#breaking.abort(cause);
  }

  /** As a request whose answer never comes ends. */
  silence(): Promise<never> {
    return new Promise((_, reject) => {
      this.broken.addEventListener("abort", () => reject(lost("unknown", this.broken.reason)));
    });
  }
}

function lost(outcome: Outcome, cause: unknown): ConclaveError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ConclaveError("CONNECTION_LOST", why, { outcome, cause });
}

/** A link to a store that can be dialled when `dial` says so; pauses are as long as they are on average. */
function setUp(options: Partial<LinkOptions<Wire>> = {}) {
  const random = vi.spyOn(Math, "random").mockReturnValue(0.5);
  onTestFinished(() => random.mockRestore());
  const clock = new VirtualClock();
  const first = new Wire("first");
  const told: string[] = [];
  const dialledAtMs: number[] = [];
  const { dial = async () => new Wire(`dialled ${dialledAtMs.length}`) } = options;
  const link = new Link<Wire>({
    clock,
    first,
    up: ({ name }) => void told.push(`up: ${name}`),
    down: (cause) => void told.push(`down: ${cause}`),
    lost,
    ...options,
    dial: (signal) => {
      dialledAtMs.push(clock.now());
      return dial(signal);
    },
  });
  return { clock, first, link, told, dialledAtMs };
}

const refused = () => Promise.reject(new Error("refused"));

/** What the call came to so far. */
function endOf(call: Promise<unknown>): { now: unknown } {
  const state: { now: unknown } = { now: "pending" };
  call.then(
    (value) => {
      state.now = value;
    },
    (error) => {
      state.now = error;
    },
  );
  return state;
}

describe("a link", () => {
  test("replaces a connection that broke, at once", async () => {
    const { clock, first, link, told, dialledAtMs } = setUp();
    expect(link.connection).toBe(first);
    first.break("cut");
    expect(() => link.connection).toThrow(expect.objectContaining({ outcome: "not-applied", cause: "cut" }));
    await clock.advance(0);
    expect(link.connection.name).toBe("dialled 1");
    expect(told).toEqual(["down: cut", "up: dialled 1"]);
    expect(dialledAtMs).toEqual([0]);
    expect(clock.pending).toBe(0);
  });

  test("dials again and again, with growing pauses", async () => {
    const { clock, first, link, dialledAtMs } = setUp({ dial: refused });
    first.break("cut");
    await clock.advance(1_700);
    expect(dialledAtMs).toEqual([0, 20, 60, 140, 300, 620, 1_120, 1_620]);
    expect(() => link.connection).toThrow("refused");
    link.close();
  });

  test("is not deceived by a server that takes connections and never answers", async () => {
    const { clock, first, link, dialledAtMs } = setUp({ up: (wire) => wire.break("closed by the server") });
    first.break("cut");
    await clock.advance(1_200);
    expect(dialledAtMs).toEqual([0, 20, 60, 140, 300, 620, 1_120]);
    link.close();
  });

  test("dials at once again when the server had answered", async () => {
    const { clock, first, link, dialledAtMs } = setUp();
    first.break("cut");
    await clock.advance(100);
    link.connection.break("cut");
    await clock.advance(100);
    expect(await link.ask(100, async ({ name }) => name)).toBe("dialled 2");
    link.connection.break("cut");
    await clock.advance(0);
    expect(dialledAtMs).toEqual([0, 120, 200]);
  });

  test("takes a connection that is broken already for a failed attempt", async () => {
    const dial = vi.fn(async () => new Wire("whole"));
    const broken = new Wire("broken");
    broken.break("too late");
    dial.mockResolvedValueOnce(broken);
    const { clock, first, link, told } = setUp({ dial });
    first.break("cut");
    await clock.advance(20);
    expect(link.connection.name).toBe("whole");
    expect(told).toEqual(["down: cut", "up: whole"]);
  });

  test("tells of a first connection that was broken already", async () => {
    const first = new Wire("first");
    first.break("cut");
    const { clock, link, told } = setUp({ first });
    await clock.advance(0);
    expect(told).toEqual(["down: cut", "up: dialled 1"]);
    expect(link.connection.name).toBe("dialled 1");
  });
});

describe("whenUp", () => {
  test("waits for the next connection, until after the observer was told", async () => {
    const { clock, first, link, told } = setUp();
    expect(await link.whenUp()).toBe(first);
    first.break("cut");
    const waiting = link.whenUp().then(({ name }) => void told.push(`waited: ${name}`));
    await clock.advance(0);
    await waiting;
    expect(told).toEqual(["down: cut", "up: dialled 1", "waited: dialled 1"]);
  });

  test("waits on when what is told breaks the connection", async () => {
    let ups = 0;
    const { clock, first, link } = setUp({
      up: (wire) => (++ups === 1 ? wire.break("attached to nothing") : {}),
    });
    first.break("cut");
    const waiting = link.whenUp();
    await clock.advance(20);
    expect((await waiting).name).toBe("dialled 2");
  });

  test("ends after its time, with the last cause", async () => {
    const { clock, first, link } = setUp({ dial: () => new Promise(() => {}) });
    first.break("cut");
    const end = endOf(link.whenUp(50));
    await clock.advance(49);
    expect(end.now).toBe("pending");
    await clock.advance(1);
    expect(end.now).toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied", cause: "cut" });
    expect(clock.pending).toBe(0);
  });
});

describe("ask", () => {
  test("gives up a connection that does not answer in time", async () => {
    const { clock, first, link, told } = setUp();
    const end = endOf(link.ask(100, (wire) => wire.silence()));
    await clock.advance(100);
    expect(end.now).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
    expect(first.broken.aborted).toBe(true);
    expect(told).toEqual(["down: Error: no answer within 100 ms", "up: dialled 1"]);
    expect(clock.pending).toBe(0);
  });

  test("waits for a connection and for the answer, in one time", async () => {
    const { clock, first, link } = setUp({
      dial: () => new Promise((resolve) => clock.schedule(60, () => resolve(new Wire("late")))),
    });
    first.break("cut");
    const end = endOf(link.ask(100, (wire) => wire.silence()));
    await clock.advance(99);
    expect(end.now).toBe("pending");
    await clock.advance(1);
    expect(end.now).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
    link.close();
  });

  test("leaves a connection that refuses as it is", async () => {
    const { clock, first, link } = setUp();
    await expect(link.ask(100, refused)).rejects.toThrow("refused");
    expect(link.connection).toBe(first);
    expect(clock.pending).toBe(0);
  });
});

describe("insist", () => {
  test("asks again on the next connection", async () => {
    const { clock, link } = setUp();
    const request = (wire: Wire) => (wire.name === "first" ? wire.silence() : Promise.resolve(wire.name));
    const end = endOf(link.insist(100, request));
    await clock.advance(50);
    expect(end.now).toBe("dialled 1");
    expect(clock.pending).toBe(0);
  });

  test("passes on what the store refuses", async () => {
    const { link } = setUp();
    await expect(link.insist(100, refused)).rejects.toThrow("refused");
  });

  test("ends after its time", async () => {
    const { clock, link } = setUp();
    const end = endOf(link.insist(100, (wire) => wire.silence()));
    await clock.advance(99);
    expect(end.now).toBe("pending");
    await clock.advance(1);
    expect(end.now).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
  });

  test("ends with the link", async () => {
    const { clock, link } = setUp();
    const end = endOf(link.insist(100, (wire) => wire.silence()));
    link.close();
    await clock.advance(0);
    expect(end.now).toMatchObject({ code: "CONNECTION_LOST", message: "the session was closed" });
    expect(clock.pending).toBe(0);
  });
});

describe("close", () => {
  test("breaks the connection, and nobody is told", async () => {
    const { clock, first, link, told, dialledAtMs } = setUp();
    link.close();
    link.close();
    await clock.advance(1_000);
    expect(first.broken.aborted).toBe(true);
    expect(() => link.connection).toThrow("the session was closed");
    await expect(link.whenUp()).rejects.toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied" });
    expect([told, dialledAtMs, clock.pending]).toEqual([[], [], 0]);
  });

  test("ends the wait for a connection, and the pause before the next attempt", async () => {
    const { clock, first, link, dialledAtMs } = setUp({ dial: refused });
    first.break("cut");
    const end = endOf(link.whenUp());
    await clock.advance(10);
    link.close();
    await clock.advance(1_000);
    expect(end.now).toMatchObject({ code: "CONNECTION_LOST", message: "the session was closed" });
    expect([dialledAtMs, clock.pending]).toEqual([[0], 0]);
  });

  test("aborts the attempt, and breaks a connection that it makes nevertheless", async () => {
    const late = new Wire("late");
    const dial = (signal: AbortSignal) =>
      new Promise<Wire>((resolve) => signal.addEventListener("abort", () => resolve(late)));
    const { clock, first, link, told } = setUp({ dial });
    first.break("cut");
    await clock.advance(0);
    link.close();
    await clock.advance(0);
    expect(late.broken.aborted).toBe(true);
    expect(told).toEqual(["down: cut"]);
  });
});

describe("a request whose reply is lost", () => {
  /** Fails so often, each time with the connection on which it was sent. */
  function losing(link: Link<Wire>, times: number) {
    const sent: unknown[] = [];
    const send = async (again?: boolean) => {
      const { connection } = link;
      sent.push(again ?? "read");
      if (sent.length > times) return "answer";
      connection.break("reset");
      throw lost("unknown", "reset");
    };
    return { sent, send };
  }

  test("is read again until it is answered", async () => {
    const { clock, link } = setUp();
    const { sent, send } = losing(link, 2);
    const end = endOf(readUntilAnswered(link, () => send()));
    await clock.advance(100);
    expect([end.now, sent]).toEqual(["answer", ["read", "read", "read"]]);
  });

  test("is written again, as a repetition, until it is answered", async () => {
    const { clock, link } = setUp();
    const { sent, send } = losing(link, 2);
    const end = endOf(writeUntilAnswered(link, send));
    await clock.advance(100);
    expect([end.now, sent]).toEqual([{ reply: "answer", lost: true }, [false, true, true]]);
  });

  test("is not written again when it was answered, or was not sent", async () => {
    const { first, link } = setUp({ dial: refused });
    expect(await writeUntilAnswered(link, async () => "answer")).toEqual({ reply: "answer", lost: false });
    first.break("cut");
    const send = vi.fn(async () => link.connection);
    await expect(writeUntilAnswered(link, send)).rejects.toMatchObject({ outcome: "not-applied" });
    expect(send).toHaveBeenCalledTimes(1);
    link.close();
  });

  test("has an unknown outcome when the store refuses the repetition", async () => {
    const { clock, link } = setUp();
    const over = new ConclaveError("SESSION_LOST", "over");
    const send = async (again: boolean) => {
      if (again) throw over;
      link.connection.break("reset");
      throw lost("unknown", "reset");
    };
    const end = endOf(writeUntilAnswered(link, send));
    await clock.advance(0);
    expect(end.now).toMatchObject({ code: "SESSION_LOST", outcome: "unknown", cause: over });
  });

  test("has an unknown outcome when the link is closed first", async () => {
    const { clock, link } = setUp({ dial: refused });
    const end = endOf(writeUntilAnswered(link, losing(link, 1).send));
    await clock.advance(10);
    link.close();
    await clock.advance(0);
    expect(end.now).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
  });
});
