/**
 * Runs the benchmarks of `bench/` one after the other and shows one table.
 *
 * Each is a program that prints a line of JSON, `{ name, figure, unit, threshold, comparison, ok, note? }`, for each of
 * its figures, and exits non-zero below a threshold. `npm run bench -- scheduler rpc` runs only those.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { basename, join } from "node:path";

const root = join(import.meta.dirname, "..");

interface Figure {
  readonly name: string;
  readonly figure: number;
  readonly unit: string;
  readonly threshold: number;
  /** "at least" or "at most" the threshold. */
  readonly comparison: "at least" | "at most";
  readonly ok: boolean;
  readonly note?: string;
}

const chosen = new Set(process.argv.slice(2));
const programs = globSync("bench/*.bench.ts", { cwd: root }).toSorted();
const figures: Figure[] = [];
let failed = false;

for (const program of programs) {
  const name = basename(program, ".bench.ts");
  if (chosen.size > 0 && !chosen.has(name)) continue;
  console.error(`running ${name} …`);
  const result = spawnSync(process.execPath, ["--expose-gc", join(root, program)], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 600_000,
  });
  const lines = result.stdout.split("\n").filter((line) => line.startsWith("{"));
  figures.push(...lines.map((line) => JSON.parse(line) as Figure));
  if (result.status !== 0) failed = true;
  if (lines.length === 0) console.error(`${name} gave no figure (exit ${result.status})`);
}

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
for (const { name, figure, unit, comparison, threshold, ok, note } of figures) {
  const bar = `${comparison} ${digits(threshold)}`;
  console.log(
    `${ok ? "ok   " : "BELOW"} ${name.padEnd(58)} ${digits(figure).padStart(9)} ${unit.padEnd(14)} ${bar.padEnd(18)} ${note ?? ""}`,
  );
}
process.exitCode = failed ? 1 : 0;
