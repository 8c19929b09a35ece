import { type ChildHandle, RemoteError, spawnNode } from "@conclave/test-servers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

let child: ChildHandle;

beforeEach(() => {
  child = spawnNode(new URL("./fixtures/calls.mjs", import.meta.url), {
    args: ["one", "two"],
    env: { COLOUR: "green" },
  });
});

afterEach(async () => {
  await child.kill();
});

describe("output", () => {
  it("is collected by line, with args and environment given", async () => {
    expect(await child.line(/started/)).toBe("started with one two and green");
    await vi.waitFor(() => expect(child.stderr).toEqual(["a complaint"]), { timeout: 10_000 });
    expect(child.stdout).toHaveLength(1);
  });

  it("can be waited for in vain", async () => {
    await child.line(/started/);
    await expect(child.line(/never/, { timeoutMs: 20 })).rejects.toThrow("within 20 ms");
    const waiting = child.line(/never/);
    const rejected = expect(waiting).rejects.toThrow(/SIGKILL.*a complaint/s);
    await child.call("add", 0, 0);
    await child.kill();
    await rejected;
    await expect(child.line(/never/)).rejects.toThrow("SIGKILL");
  });
});

describe("messages", () => {
  it("go both ways", async () => {
    expect(await child.message((message) => Object(message).ready === true)).toEqual({ ready: true });
    child.send("shout");
    expect(await child.line(/heard/)).toBe("heard");
    expect(child.messages).toEqual([{ ready: true }]);
  });
});

describe("calls", () => {
  it("return values of any kind that can be copied", async () => {
    expect(await child.call("add", 1n, 2n)).toBe(3n);
    const value = {
      bytes: new Uint8Array([1, 2]),
      at: new Date(0),
      map: new Map([["a", 1]]),
      none: undefined,
    };
    expect(await child.call("echo", value)).toEqual(value);
    expect(await Promise.all([1, 2, 3].map((n) => child.call("add", n, n)))).toEqual([2, 4, 6]);
  });

  it("reject with the error and its fields", async () => {
    const error = await child.call("refuse").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({ name: "Refusal", message: "no", code: "REFUSED", attempts: 3 });
    await expect(child.call("nonsense")).rejects.toThrow('no method "nonsense"');
    await expect(child.call("uncopyable")).rejects.toThrow("could not be cloned");
  });

  it("reject when the child ends", async () => {
    const never = expect(child.call("never")).rejects.toThrow("code 7");
    await expect(child.call("crash")).rejects.toThrow("code 7");
    await never;
    await expect(child.call("add", 1, 2)).rejects.toThrow("code 7");
    expect(await child.exit).toEqual({ code: 7, signal: null });
  });
});

describe("process control", () => {
  it("freezes the child until resume", async () => {
    await child.call("add", 0, 0);
    await child.pause();
    let answered = false;
    const answer = child.call("add", 1, 2).finally(() => {
      answered = true;
    });
    const another = spawnNode(new URL("./fixtures/calls.mjs", import.meta.url));
    await another.call("add", 0, 0);
    await another.kill();
    expect(answered).toBe(false);
    child.resume();
    expect(await answer).toBe(3);
  });

  it("kills a paused child", async () => {
    await child.pause();
    expect(await child.kill()).toEqual({ code: null, signal: "SIGKILL" });
  });

  it("lets a child that hangs up end by itself", async () => {
    await child.call("hangUp");
    expect(await child.exit).toEqual({ code: 0, signal: null });
  });
});
