import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { FoundProgram } from "./programs.js";

const cache = fileURLToPath(new URL("../../../../node_modules/.cache/conclave-interop", import.meta.url));

/** Compiles one Java source once; returns the folder with its classes. */
export function compileJava(source: URL, { version, libraries }: FoundProgram): Promise<string> {
  return once(source, version, (folder) =>
    run("javac", ["-nowarn", "-proc:none", "-cp", libraries, "-d", folder, fileURLToPath(source)], {}),
  );
}

/** Compiles a Go program of one file once; returns the executable. */
export async function compileGo(source: URL, { command, version, libraries }: FoundProgram): Promise<string> {
  const name = "peer";
  const folder = await once(source, version, (to) =>
    run(command, ["build", "-o", join(to, name), fileURLToPath(source)], {
      // The libraries are Debian's, laid out as GOPATH; nothing is fetched.
      GO111MODULE: "off",
      GOFLAGS: "",
      GOPATH: libraries,
      GOCACHE: join(cache, "go"),
    }),
  );
  return join(folder, name);
}

/** Makes what `source` compiles to, unless it is there; two processes that do so at once do not disturb each other. */
async function once(
  source: URL,
  version: string,
  make: (folder: string) => Promise<unknown>,
): Promise<string> {
  const file = fileURLToPath(source);
  const hash = createHash("sha256").update(readFileSync(file)).update(version).digest("hex").slice(0, 16);
  const done = join(cache, `${basename(file)}-${hash}`);
  if (existsSync(done)) return done;
  mkdirSync(cache, { recursive: true });
  const making = mkdtempSync(`${done}-`);
  try {
    await make(making);
    renameSync(making, done);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    if (!existsSync(done)) throw error;
  }
  return done;
}

function run(file: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<unknown> {
  return promisify(execFile)(file, [...args], { env: { ...process.env, ...env } });
}
