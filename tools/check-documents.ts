/**
 * Keeps documents true: links inside the repository resolve, `ts` examples of the READMEs run, the state diagrams of
 * ARCHITECTURE.md are those of the transition tables, and source keeps the rules that no linter knows (no bare
 * `new Error`, no clock or random read outside `platform`).
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stateDiagrams } from "./state-diagrams.ts";

const root = join(import.meta.dirname, "..");
const problems: string[] = [];
const inRepository = (file: string): boolean => !file.includes("node_modules") && !file.startsWith(".cache");

const documents = globSync("{*.md,docs/**/*.md,packages/*/*.md,apps/*/*.md,bench/*.md,proto/**/*.md}", {
  cwd: root,
}).filter(inRepository);
for (const file of documents) {
  const text = readFileSync(join(root, file), "utf8");
  for (const match of text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)) {
    const target = match[1] ?? "";
    if (!existsSync(join(root, dirname(file), target))) problems.push(`${file}: the link to ${target} leads nowhere`);
  }
  text
    .split("```ts\n")
    .slice(1)
    .forEach((part, index) => runExample(file, index, part.slice(0, part.indexOf("```"))));
}

function runExample(file: string, index: number, code: string): void {
  const folder = join(root, dirname(file), ".cache-examples");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `example-${index}.ts`);
  writeFileSync(path, code);
  const result = spawnSync(process.execPath, [path], { encoding: "utf8", timeout: 60_000, cwd: folder });
  if (result.status !== 0) problems.push(`${file}: example ${index + 1} fails:\n${result.stderr.slice(0, 1000)}`);
  rmSync(folder, { recursive: true });
}

const architecture = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
for (const [name, diagram] of Object.entries(stateDiagrams())) {
  if (!architecture.includes(diagram)) {
    problems.push(`ARCHITECTURE.md: the diagram of ${name} is not that of its table; expected\n${diagram}`);
  }
}

const FORBIDDEN: readonly (readonly [RegExp, string, RegExp?])[] = [
  [/\bnew Error\(/, "use AppError with an entry of the package's table, or assert"],
  [/\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, "take a Clock", /^packages\/platform\/|main\.ts$/],
  [/\bMath\.random\(/, "take randomness as an argument", /main\.ts$/],
];
for (const file of globSync("{packages,apps}/*/src/**/*.{ts,tsx}", { cwd: root })) {
  if (/\.(test|contract|fixture)\.tsx?$|\/gen\//.test(file)) continue;
  const lines = readFileSync(join(root, file), "utf8").split("\n");
  for (const [pattern, advice, except] of FORBIDDEN) {
    if (except?.test(file)) continue;
    lines.forEach((line, index) => {
      if (pattern.test(line) && !/^\s*(\*|\/\/)/.test(line))
        problems.push(`${file}:${index + 1}: ${line.trim()}: ${advice}`);
    });
  }
}

for (const problem of problems) console.error(problem);
console.log(`${documents.length} documents, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
