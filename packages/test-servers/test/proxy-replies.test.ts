import { describe, expect, it } from "vitest";
import { setUpEcho, until } from "./echo.js";

const echo = setUpEcho();

describe("dropReply", () => {
  it("drops the answer to the next request, and its connection only", async () => {
    const one = await echo.connected();
    const two = await echo.connected();
    const dropped = echo.proxy.dropReply();
    one.socket.write("question");
    expect((await dropped).toString()).toBe("question");
    expect(await one.got.ended).toBe("end");
    expect(one.got.text).toBe("hello");
    two.socket.write(" again");
    await until(() => expect(two.got.text).toBe("hello again"));
  });

  it("does not take what was pushed for a reply", async () => {
    const { socket, got } = await echo.connected();
    const dropped = echo.proxy.dropReply();
    for (const peer of echo.sockets) peer.write(" news");
    await until(() => expect(got.text).toBe("hello news"));
    socket.write("question");
    expect((await dropped).toString()).toBe("question");
  });

  it("waits for the request and the reply that are meant", async () => {
    const { socket, got } = await echo.connected();
    const dropped = echo.proxy.dropReply({
      request: (chunk) => chunk.includes("create"),
      reply: (chunk) => chunk.includes("2"),
    });
    let sent = "hello";
    for (const message of [" ping2", " create1"]) {
      socket.write(message);
      sent += message;
      await until(() => expect(got.text).toBe(sent));
    }
    socket.write(" 2");
    expect((await dropped).toString()).toBe(" 2");
    expect(await got.ended).toBe("end");
    expect(got.text).toBe(sent);
  });

  it("rejects when the proxy is closed first", async () => {
    const dropped = echo.proxy.dropReply();
    await echo.proxy.close();
    await expect(dropped).rejects.toThrow("closed");
    await expect(echo.proxy.dropReply()).rejects.toThrow("closed");
  });
});
