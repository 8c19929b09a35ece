import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { dockerAnswers } from "./docker.js";
import { isProgram, type Program, programs } from "./interop/programs.js";
import { isCI } from "./interop/register.js";
import { findOnPath } from "./process.js";
import { findFaketime } from "./redis-clock.js";
import { type Kind, kinds } from "./start.js";

/**
 * What tests need: a kind of server; `addon`, the compiled part of the `zookeeper` package; `faketime`, by which a server's clock
 * is set; or a program of others, beside which they run.
 */
export type Need = Kind | "addon" | "faketime" | Program;

export interface EnsureReport {
  readonly need: Need;
  readonly ok: boolean;
  /** One line for people, or more where something failed. */
  readonly message: string;
}

const TOOLCHAIN = ["build-essential", "cmake", "python3"];
const require = createRequire(import.meta.url);
/** The root of the workspace, whatever the caller's current folder is. */
const repository = fileURLToPath(new URL("../../..", import.meta.url));

/** Installs what is missing, where this can be done: on Debian, as root. Never rejects for something missing. */
export async function ensureInstalled(needs: readonly Need[]): Promise<readonly EnsureReport[]> {
  const apt = new Apt();
  const reports: EnsureReport[] = [];
  for (const need of needs) {
    if (need === "addon") reports.push(ensureAddon(apt));
    else if (need === "faketime") reports.push(ensureFaketime(apt));
    else reports.push(isProgram(need) ? ensureProgram(need, apt) : await ensureServer(need, apt));
  }
  return reports;
}

async function ensureServer(need: Kind, apt: Apt): Promise<EnsureReport> {
  const { debianPackages, hint, findBinary } = kinds[need];
  const found = findBinary();
  if (found !== undefined) return { need, ok: true, message: found.path };
  if (await dockerAnswers()) return { need, ok: true, message: "will run in Docker" };

  const failure = apt.install(debianPackages);
  const installed = findBinary();
  if (installed !== undefined) return { need, ok: true, message: `${installed.path} (installed just now)` };
  return {
    need,
    ok: false,
    message: `MISSING: ${failure ?? `${debianPackages.join(" ")} did not bring it`}\n  otherwise: start Docker, or ${hint}`,
  };
}

function ensureProgram(need: Program, apt: Apt): EnsureReport {
  const { title, debianPackages, find } = programs[need];
  const found = find();
  if (found !== undefined) return { need, ok: true, message: `${title} ${found.version}` };

  const failure = apt.install(debianPackages);
  const installed = find();
  if (installed !== undefined) {
    return { need, ok: true, message: `${title} ${installed.version} (installed just now)` };
  }
  const brought = `${debianPackages.join(" ")} did not bring ${title}`;
  return { need, ok: false, message: `MISSING: ${failure ?? brought}` };
}

function ensureFaketime(apt: Apt): EnsureReport {
  const need = "faketime";
  const found = findFaketime();
  if (found !== undefined) return { need, ok: true, message: found };

  const failure = apt.install(["faketime"]);
  const installed = findFaketime();
  if (installed !== undefined) return { need, ok: true, message: `${installed} (installed just now)` };
  return { need, ok: false, message: `MISSING: ${failure ?? "faketime did not bring libfaketime"}` };
}

function ensureAddon(apt: Apt): EnsureReport {
  const need = "addon";
  if (loads()) return { need, ok: true, message: "the zookeeper package loads" };

  const failure = apt.install(TOOLCHAIN);
  // npm leaves an optional package out when it does not compile, and puts it back when asked again.
  const command = isInstalled("zookeeper") ? ["rebuild", "zookeeper"] : ["install", "--no-save"];
  const npm = run("npm", [...command, "--ignore-scripts=false"], repository);
  if (loads()) return { need, ok: true, message: "the zookeeper package loads (compiled just now)" };
  const output = `${failure === undefined ? "" : `${failure}\n`}${npm.output}`;
  return {
    need,
    ok: false,
    message: `MISSING: the zookeeper package could not be compiled; it needs ${TOOLCHAIN.join(" ")}\n${tail(output)}`,
  };
}

/**
 * Why tests that need the native client of the `zookeeper` package can prove nothing here; `undefined` where it loads, and under `CI`,
 * where they fail rather than be left out.
 */
export function addonMissing(): string | undefined {
  if (isCI() || loads()) return undefined;
  return isInstalled("zookeeper")
    ? "the npm package zookeeper does not load: it was not compiled"
    : "the npm package zookeeper is not installed";
}

/* In a process of its own: an addon that fails to load half-way is not to be met again in this one. */
function loads(): boolean {
  return run(process.execPath, ["-e", 'require("zookeeper")'], repository).ok;
}

function isInstalled(name: string): boolean {
  return (require.resolve.paths(name) ?? []).some((folder) => existsSync(join(folder, name, "package.json")));
}

class Apt {
  #updated = false;

  /** Installs the packages. Returns what went wrong, if anything did. */
  install(packages: readonly string[]): string | undefined {
    const command = `apt-get install --no-install-recommends ${packages.join(" ")}`;
    if (!existsSync("/etc/debian_version") || findOnPath("apt-get") === undefined) {
      return `not on Debian or Ubuntu, where this would do: ${command}`;
    }
    if (process.getuid?.() !== 0) return `not root; run: sudo ${command}`;
    if (!this.#updated) {
      const update = run("apt-get", ["update"]);
      if (!update.ok) return `apt-get update failed\n${tail(update.output)}`;
      this.#updated = true;
    }
    const install = run("apt-get", ["install", "-y", "--no-install-recommends", ...packages]);
    return install.ok ? undefined : `${command} failed\n${tail(install.output)}`;
  }
}

function run(file: string, args: readonly string[], cwd?: string): { ok: boolean; output: string } {
  const result = spawnSync(file, [...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return {
    ok: result.status === 0,
    output: `${result.stdout ?? ""}${result.stderr ?? ""}${result.error ?? ""}`,
  };
}

function tail(output: string): string {
  return output.trimEnd().split("\n").slice(-20).join("\n");
}
