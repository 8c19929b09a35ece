import { maxDataBytes } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Define } from "../suite.js";
import { subjectsOf } from "./operations/index.js";
import { refuses, withoutContact } from "./refused.js";

export function tooMuchData(test: Define): void {
  test("NODE-9", "every operation that takes data refuses too much of it before any I/O", async (kit) => {
    await refuses(kit, {
      operations: ({ takesData }) => takesData,
      inputs: [
        { data: new Uint8Array(maxDataBytes + 1) },
        // What counts is bytes, of which these characters take two each.
        { data: "é".repeat(maxDataBytes / 2 + 1) },
      ],
      code: "DATA_TOO_LARGE",
    });
  });

  test("NODE-9", "the data of a transaction counts together", async (kit) => {
    const { client, session, coordinator, leadership } = await subjectsOf(kit);
    const half = new Uint8Array(maxDataBytes / 2 + 1);
    await withoutContact(kit, client, async () => {
      for (const subject of [session, coordinator, leadership]) {
        const both = subject.transaction([
          { type: "create", path: "/a", data: half },
          { type: "set", path: "/node", data: half },
        ]);
        await rejects(both, "DATA_TOO_LARGE", "not-applied");
      }
    });
  });
}
