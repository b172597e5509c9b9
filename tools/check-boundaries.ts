/**
 * Holds ARCHITECTURE.md's package table against the code: a false picture is red.
 *
 * Checks that each package's dependencies on the project's own packages are among those its row allows, that it imports
 * only what it declares, that pure packages import nothing from outside, and that no file has a grab-bag name.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

const root = join(import.meta.dirname, "..");
const GRAB_BAGS = new Set(["utils", "util", "helpers", "helper", "common", "misc", "types", "manager", "stuff"]);
const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^"';]*?from\s+"([^"]+)"|\bimport\("([^"]+)"\)/g;
const problems: string[] = [];

interface Row {
  readonly kind: string;
  readonly allowed: ReadonlySet<string>;
}

/** Rows look like `| market | PURE | … | primitives |`; "any" allows every package. */
function readTable(): Map<string, Row> {
  const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const section = text.slice(text.indexOf("<!-- packages -->"), text.indexOf("<!-- /packages -->"));
  const rows = new Map<string, Row>();
  for (const line of section.split("\n")) {
    const cells = line.split("|").map((cell) => cell.trim());
    const name = cells[1]?.replaceAll("`", "");
    if (cells.length < 6 || !name || name === "package" || name.startsWith("--")) continue;
    const allowed = (cells[4] ?? "").split(",").map((part) => part.trim());
    rows.set(name, { kind: cells[2] ?? "", allowed: new Set(allowed.filter((part) => part && part !== "nothing")) });
  }
  return rows;
}

function importsOf(file: string): string[] {
  return [...readFileSync(join(root, file), "utf8").matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? "");
}

function checkPackage(folder: string, row: Row, name: string): void {
  const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
    devDependencies?: Record<string, string>;
  };
  const declared = Object.keys(manifest.dependencies ?? {});
  const own = declared.filter((dependency) => dependency.startsWith("@cyxwiz/"));
  for (const dependency of own) {
    const target = dependency.slice("@cyxwiz/".length);
    if (!row.allowed.has(target) && !row.allowed.has("any")) {
      problems.push(`${folder}/package.json depends on ${target}, which ARCHITECTURE.md does not allow ${name}`);
    }
  }
  for (const file of globSync(`${folder}/src/**/*.{ts,tsx}`, { cwd: root })) {
    const isTest = /\.(test|contract|fixture)\.tsx?$/.test(file);
    const base = (file.split("/").at(-1) ?? "").replace(/\.(property\.|types\.)?(test|contract|fixture)?\.?tsx?$/, "");
    if (GRAB_BAGS.has(base)) problems.push(`${file}: "${base}" does not say what is inside`);
    for (const source of importsOf(file)) {
      if (source.startsWith(".")) {
        const target = relative(root, join(root, file, "..", source));
        if (!target.startsWith(`${folder}/`) && !isTest) problems.push(`${file} reaches into ${target}`);
        continue;
      }
      const packageName = source
        .split("/")
        .slice(0, source.startsWith("@") ? 2 : 1)
        .join("/");
      const known = declared.includes(packageName) || source.startsWith("node:") || packageName === `@cyxwiz/${name}`;
      if (!isTest && !known)
        problems.push(`${file} imports ${packageName}, which ${folder}/package.json does not declare`);
      if (!isTest && row.kind === "PURE" && !packageName.startsWith("@cyxwiz/")) {
        problems.push(`${file} is in a pure package and imports ${source}`);
      }
    }
  }
}

const table = readTable();
const folders = [...globSync("packages/*", { cwd: root }), ...globSync("apps/*", { cwd: root })];
const names = new Set<string>();
for (const folder of folders) {
  if (!existsSync(join(root, folder, "package.json"))) continue;
  const name = folder.split("/").at(-1) ?? "";
  names.add(name);
  const row = table.get(name);
  if (row) checkPackage(folder, row, name);
  else problems.push(`${folder} is not in ARCHITECTURE.md's package table`);
}
for (const name of table.keys()) {
  if (!names.has(name)) problems.push(`ARCHITECTURE.md lists ${name}, which does not exist`);
}

for (const problem of problems) console.error(problem);
console.log(`${names.size} packages, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
