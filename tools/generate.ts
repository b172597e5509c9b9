/**
 * Makes what is derived from `proto/`: the TypeScript of `packages/protocol/src/gen` and the image that `buf breaking`
 * compares with (`proto/baseline.binpb`). Works offline: buf and its plugin come from node_modules.
 *
 *   node tools/generate.ts           lint, refuse a breaking change, write both
 *   node tools/generate.ts --check   the same, but write nothing and fail where the committed files are stale
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const GENERATED = "packages/protocol/src/gen";
const BASELINE = "proto/baseline.binpb";

/** Runs buf in the repository's root. Answers whether it succeeded; its own output tells why not. */
function buf(...args: readonly string[]): boolean {
  const bin = join(ROOT, "node_modules", ".bin");
  const path = [dirname(process.execPath), bin, process.env["PATH"] ?? ""].join(delimiter);
  const script = join(ROOT, "node_modules", "@bufbuild", "buf", "bin", "buf");
  const done = spawnSync(process.execPath, [script, ...args], {
    cwd: ROOT,
    env: { ...process.env, PATH: path },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return done.status === 0;
}

function filesBelow(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  if (!existsSync(folder)) return files;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, name);
    if (statSync(path).isFile()) files.set(relative(folder, path), readFileSync(path, "utf8"));
  }
  return files;
}

/** Names of the files that are in only one of the folders or differ. */
function differences(committed: string, fresh: string): string[] {
  const left = filesBelow(committed);
  const right = filesBelow(fresh);
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((name) => left.get(name) !== right.get(name))
    .toSorted();
}

/** The contract as it is now must not take anything away from the one that was committed. */
function holdsContract(): boolean {
  if (!buf("lint") || !buf("format", "--diff", "--exit-code")) return false;
  return !existsSync(join(ROOT, BASELINE)) || buf("breaking", "--against", BASELINE);
}

function write(): boolean {
  return holdsContract() && buf("generate") && buf("build", "--exclude-source-info", "--output", BASELINE);
}

function check(): boolean {
  if (!holdsContract()) return false;
  const fresh = mkdtempSync(join(tmpdir(), "cyxwiz-generate-"));
  try {
    const image = join(fresh, "baseline.binpb");
    if (!buf("generate", "--output", fresh) || !buf("build", "--exclude-source-info", "--output", image)) return false;
    const stale = differences(join(ROOT, GENERATED), join(fresh, GENERATED)).map((name) => join(GENERATED, name));
    const baseline = join(ROOT, BASELINE);
    if (!existsSync(baseline) || !readFileSync(baseline).equals(readFileSync(image))) stale.push(BASELINE);
    for (const name of stale) console.error(`${name} is stale: run \`npm run generate\` and commit the result`);
    return stale.length === 0;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

const isCheck = process.argv.includes("--check");
if (isCheck ? check() : write()) console.log(isCheck ? "generated files are current" : "generated");
else process.exitCode = 1;
