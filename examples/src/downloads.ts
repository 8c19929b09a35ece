import { connect } from "@conclave/api";
import { backend, namespace } from "./command-line.js";

const coordinator = await connect(backend, { namespace });
const downloads = coordinator.semaphore("/downloads", { permits: 2 });

let atOnce = 0;
let most = 0;
const download = async (name: string) =>
  downloads.withPermit(
    async (permit) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await coordinator.exists(`/${name}`, { signal: permit.signal }); // stops when the permit is lost
      atOnce -= 1;
    },
    { data: name, timeoutMs: 5_000 },
  );

await Promise.all(["a", "b", "c", "d", "e"].map(download));
console.log(`five downloads, never more than two at once: ${most <= 2}`);
console.log(`still in line: ${(await downloads.contenders()).length}`);

await coordinator.close();
