/**
 * The whole gate, in the order in which a mistake is cheapest to learn of: format, lint, types, boundaries, unused code,
 * wire contract, generated files, documents, tests. Every step runs even when one before it failed, so that one run tells
 * all. Closes with `N passed, N failed`: tests and steps together.
 *
 *   npm test                         set-up and gate
 *   npm run check -- --only lint     one step (several: --only lint,types)
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const reportPath = join(root, ".cache", "test-report.json");

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const bin = (name: string): string => join(root, "node_modules", ".bin", name);
const tool = (name: string, ...args: string[]): readonly string[] => [
  process.execPath,
  join(root, "tools", `${name}.ts`),
  ...args,
];

const STEPS: readonly Step[] = [
  { name: "format", command: [bin("oxfmt"), "--check"] },
  { name: "lint", command: [bin("oxlint"), "--type-aware", "--deny-warnings"] },
  { name: "types", command: [bin("tsc"), "-b"] },
  { name: "test-types", command: [bin("tsc"), "-p", "tsconfig/tests.json"] },
  { name: "boundaries", command: tool("check-boundaries") },
  { name: "unused", command: [bin("knip")] },
  { name: "proto", command: tool("check-proto") },
  { name: "generated", command: tool("generate", "--check") },
  { name: "spec", command: tool("check-spec") },
  { name: "documents", command: tool("check-documents") },
  {
    name: "tests",
    command: [bin("vitest"), "run", "--reporter=default", "--reporter=json", `--outputFile=${reportPath}`],
  },
];

async function run(step: Step): Promise<boolean> {
  const [program, ...args] = step.command as [string, ...string[]];
  // Tools with a `#!/usr/bin/env node` line must find this Node, not the machine's own.
  const path = `${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}`;
  const child = spawn(program, args, { cwd: root, stdio: "inherit", env: { ...process.env, PATH: path, CI: "true" } });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  child.on("error", (error) => {
    console.error(error.message);
    resolve(false);
  });
  child.on("exit", (code) => resolve(code === 0));
  return await promise;
}

function testCounts(): { passed: number; failed: number } {
  try {
    const report = JSON.parse(readFileSync(reportPath, "utf8")) as { numPassedTests: number; numFailedTests: number };
    return { passed: report.numPassedTests, failed: report.numFailedTests };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1]?.split(",") : undefined;
const steps = STEPS.filter((step) => !only || only.includes(step.name));
mkdirSync(join(root, ".cache"), { recursive: true });
rmSync(reportPath, { force: true });

const failed: string[] = [];
for (const step of steps) {
  const started = performance.now();
  console.log(`\n── ${step.name} ${"─".repeat(Math.max(0, 60 - step.name.length))}`);
  const ok = await run(step);
  console.log(`── ${step.name}: ${ok ? "passed" : "FAILED"} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (!ok) failed.push(step.name);
}

const tests = steps.some((step) => step.name === "tests") ? testCounts() : { passed: 0, failed: 0 };
const failedSteps = failed.filter((name) => name !== "tests");
const otherSteps = steps.filter((step) => step.name !== "tests").length;
// A run that failed outside any test (a crash, an unhandled error) still counts as a failure.
const failedTests = Math.max(tests.failed, failed.includes("tests") ? 1 : 0);
if (failed.length > 0) console.log(`\nFailed: ${failed.join(", ")}`);
console.log(`\n${tests.passed + otherSteps - failedSteps.length} passed, ${failedTests + failedSteps.length} failed`);
process.exitCode = failed.length > 0 ? 1 : 0;
