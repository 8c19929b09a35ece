import { describe, expect, it } from "vitest";
import { setUpEcho, until } from "./echo.js";
import { open, recording } from "./helpers.js";

const echo = setUpEcho();

describe("black hole", () => {
  it("holds both directions and then delivers everything, in order", async () => {
    const { socket, got } = await echo.connected();
    echo.proxy.blackHole();
    socket.write(" one");
    socket.write(" two");
    const probe = await echo.throughAnotherProxy();
    expect(probe).toBe("passed");
    expect(got.text).toBe("hello");
    expect(echo.proxy.bytes.toServer).toBe(5);
    expect(echo.proxy.connections).toBe(1);
    echo.proxy.heal();
    await until(() => expect(got.text).toBe("hello one two"));
  });

  it("towards the server only: what the server says still arrives", async () => {
    const { socket, got } = await echo.connected();
    echo.proxy.blackHole("toServer");
    socket.write("lost");
    for (const peer of echo.sockets) peer.write(" pushed");
    await until(() => expect(got.text).toBe("hello pushed"));
    expect(echo.proxy.bytes.toServer).toBe(5);
    echo.proxy.heal();
    await until(() => expect(got.text).toBe("hello pushedlost"));
  });

  it("towards the client only: requests still arrive", async () => {
    const { socket, got } = await echo.connected();
    echo.proxy.blackHole("toClient");
    socket.write("more");
    await until(() => expect(echo.proxy.bytes.toServer).toBe(9));
    expect(await echo.throughAnotherProxy()).toBe("passed");
    expect(got.text).toBe("hello");
    echo.proxy.heal();
    await until(() => expect(got.text).toBe("hellomore"));
  });

  it("accepts new connections, which the server doesn't see before it is healed", async () => {
    echo.proxy.blackHole();
    const socket = await open(echo.proxy);
    const got = recording(socket);
    socket.write("early");
    expect(await echo.throughAnotherProxy()).toBe("passed");
    expect(echo.proxy.connections).toBe(1);
    expect(echo.sockets.size).toBe(0);
    echo.proxy.heal();
    await until(() => expect(got.text).toBe("early"));
  });

  it("hides the end of a connection too", async () => {
    const { socket } = await echo.connected();
    echo.proxy.blackHole();
    socket.write("last words");
    expect(await echo.throughAnotherProxy()).toBe("passed");
    socket.resetAndDestroy();
    await until(() => expect(echo.proxy.connections).toBe(0));
    expect(await echo.throughAnotherProxy()).toBe("passed");
    expect(echo.sockets.size).toBe(1);
    echo.proxy.heal();
    await until(() => expect(echo.sockets.size).toBe(0));
    expect(echo.proxy.bytes.toServer).toBe("hellolast words".length);
  });

  it("can be closed and cut", async () => {
    const { got } = await echo.connected();
    echo.proxy.blackHole();
    echo.proxy.cut();
    expect(await got.ended).toBe("end");
    const late = recording(await open(echo.proxy));
    await echo.proxy.close();
    // Not taken off the listener's queue yet, or just taken off it.
    expect(["end", "ECONNRESET"]).toContain(await late.ended);
  });
});
