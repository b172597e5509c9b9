/** The wire contract is linted, and compared with its committed baseline: a changed name, number or type is red. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const buf = join(root, "node_modules", ".bin", "buf");
const checks = [["lint"], ["breaking", "--against", "proto/baseline.binpb"]];

let failed = false;
for (const args of checks) {
  const result = spawnSync(buf, args, { cwd: root, stdio: "inherit" });
  console.log(`buf ${args[0]}: ${result.status === 0 ? "passed" : "FAILED"}`);
  failed ||= result.status !== 0;
}
process.exitCode = failed ? 1 : 0;
