import { connect } from "@conclave/api";
import { backend, namespace } from "./command-line.js";

const [a, b] = await Promise.all([connect(backend, { namespace }), connect(backend, { namespace })]);
await a.create("/cursor", "0");

// Whoever asks sees who leads, now and after each change.
async function whoLeads(): Promise<string> {
  for await (const leader of b.election("/leader").observe()) {
    if (leader !== undefined) return new TextDecoder().decode(leader.data);
  }
  return "nobody";
}

// `lead` runs its work while this process leads, and stands again after a loss. When the work is done it resigns.
await a.election("/leader").lead(
  async (leadership) => {
    await leadership.set("/cursor", "1"); // refused by the store once we no longer lead
    console.log(`b sees that ${await whoLeads()} leads`);
  },
  { data: "a" },
);

// `campaign` is the same, one term at a time.
const leadership = await b.election("/leader").campaign({ data: "b", timeoutMs: 5_000 });
try {
  console.log(`now ${await whoLeads()} leads, and still holds: ${leadership.isHeld}`);
} finally {
  await leadership.resign();
}

await Promise.all([a.close(), b.close()]);
