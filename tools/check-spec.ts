/**
 * Rules and tests point at each other: every rule of a SPEC.md (`- **SCH3** …`) is named by at least one test
 * (`[SCH3] …`), and every id that a test names is a rule of some SPEC.md.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const problems: string[] = [];

const rules = new Map<string, string>();
for (const file of globSync("{packages,apps}/*/SPEC.md", { cwd: root })) {
  for (const match of readFileSync(join(root, file), "utf8").matchAll(/^\s*[-*]\s+\*\*([A-Z]{2,5}\d+)\*\*/gm)) {
    const id = match[1] ?? "";
    if (rules.has(id)) problems.push(`${file}: ${id} is also a rule of ${rules.get(id)}`);
    rules.set(id, file);
  }
}

const tested = new Set<string>();
const sources = globSync("{packages,apps,tests}/**/*.{test,contract}.ts", { cwd: root });
for (const file of sources.filter((name) => !name.includes("node_modules"))) {
  for (const match of readFileSync(join(root, file), "utf8").matchAll(/\[([A-Z]{2,5}\d+)\]/g)) {
    const id = match[1] ?? "";
    tested.add(id);
    if (!rules.has(id)) problems.push(`${file} names [${id}], which no SPEC.md has`);
  }
}
for (const [id, file] of rules) if (!tested.has(id)) problems.push(`${file}: no test names [${id}]`);

for (const problem of problems) console.error(problem);
console.log(`${rules.size} rules, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
