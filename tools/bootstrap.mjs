/**
 * What `npm run quickstart`, `npm start` and `npm test` call first: installs what the command needs, then runs it under
 * Node 24. Plain JavaScript for Node ≥ 18, and it imports nothing that is not there before the installation.
 *
 *   node tools/bootstrap.mjs run <program> …args    a program of apps/, with what it needs to run
 *   node tools/bootstrap.mjs gate [--no-setup]      the whole gate, with the development tools
 *   node tools/bootstrap.mjs tool <name> …args      a program of tools/
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot, runUnderNode24 } from "./launch.mjs";

/** When the person pressed Enter: the summary of the quickstart counts the installation in. */
const startedAt = process.env.CYXWIZ_STARTED_AT ?? String(Date.now());
const PROGRAMS = { cyxwiz: "apps/cli/src/main.ts" };
const MARKER = join(repositoryRoot, "node_modules", ".cyxwiz-installed.json");

const lockHash = () =>
  createHash("sha256")
    .update(readFileSync(join(repositoryRoot, "package-lock.json")))
    .digest("hex");

function isInstalled(scope) {
  if (!existsSync(MARKER)) return false;
  const marker = JSON.parse(readFileSync(MARKER, "utf8"));
  return marker.lock === lockHash() && (marker.scope === "all" || marker.scope === scope);
}

/** `run` leaves out the development tools; `all` is everything. */
function install(scope) {
  if (isInstalled(scope)) return;
  const started = Date.now();
  console.error(`Installing what CyxWiz needs${scope === "run" ? " to run" : ""} (once; about a minute) …`);
  const args = [
    "ci",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    "--loglevel=error",
    ...(scope === "run" ? ["--omit=dev"] : []),
  ];
  const npm = process.env.npm_execpath;
  const result = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: repositoryRoot, stdio: ["ignore", 2, 2] })
    : spawnSync("npm", args, { cwd: repositoryRoot, stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
  if (result.status !== 0) {
    console.error(
      "The installation failed: the lines above are npm's. Check the network and free disk space (about 1.2 GB), then run the same command again.",
    );
    process.exit(1);
  }
  writeFileSync(MARKER, JSON.stringify({ lock: lockHash(), scope }));
  console.error(`Installed in ${((Date.now() - started) / 1000).toFixed(0)} s.`);
}

const [command, ...rest] = process.argv.slice(2);
if (command === "run" && Object.hasOwn(PROGRAMS, rest[0] ?? "")) {
  install("run");
  process.exitCode = await runUnderNode24(join(repositoryRoot, PROGRAMS[rest[0]]), rest.slice(1), {
    ...process.env,
    CYXWIZ_STARTED_AT: startedAt,
  });
} else if (command === "gate") {
  if (!rest.includes("--no-setup")) install("all");
  process.exitCode = await runUnderNode24(
    join(repositoryRoot, "tools", "gate.ts"),
    rest.filter((arg) => arg !== "--no-setup"),
  );
} else if (command === "tool" && rest[0] && /^[a-z-]+$/.test(rest[0])) {
  install("all");
  process.exitCode = await runUnderNode24(join(repositoryRoot, "tools", `${rest[0]}.ts`), rest.slice(1));
} else {
  console.error("usage: node tools/bootstrap.mjs run cyxwiz …args | gate [--no-setup] | tool <name> …args");
  process.exitCode = 2;
}
