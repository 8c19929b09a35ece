import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * A critical section shared by programs in several languages, of which nothing but the lock under test protects the parts: a
 * counter that is read and written back, and a journal of who came and went, which only ever grows.
 */
export class Journal {
  readonly folder: string;
  readonly #journal: string;
  readonly #counter: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "conclave-journal-"));
    this.#journal = join(this.folder, "journal");
    this.#counter = join(this.folder, "counter");
    writeFileSync(this.#journal, "");
    writeFileSync(this.#counter, "0");
  }

  /** To be called while the lock is held. The other programs do the same. */
  async turn(name: string): Promise<void> {
    const value = Number(readFileSync(this.#counter, "utf8"));
    appendFileSync(this.#journal, `+ ${name} ${value}\n`);
    await sleep(1);
    writeFileSync(this.#counter, String(value + 1));
    appendFileSync(this.#journal, `- ${name} ${value}\n`);
  }

  /** Who had a turn, in order. Throws when two were in at once, or one did not see what the one before it wrote. */
  turns(): readonly string[] {
    const lines = readFileSync(this.#journal, "utf8").split("\n").slice(0, -1);
    const names: string[] = [];
    for (let at = 0; at < lines.length; at += 2) {
      const [came = "", went = ""] = lines.slice(at, at + 2);
      const name = came.split(" ")[1] ?? "";
      const turn = `${name} ${at / 2}`;
      if (came !== `+ ${turn}` || went !== `- ${turn}`) {
        throw new Error(`not one after another: "${came}" and "${went}" are turn ${at / 2}`);
      }
      names.push(name);
    }
    return names;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
