/**
 * NVIDIA GPUs, read from `nvidia-smi`'s CSV.
 *
 * The header decides which column is which, so reordered or missing columns and added units do not matter. A driver that
 * does not know a field names it; the query is then repeated without it. A tool that hangs is killed: a node with a
 * broken driver starts without its GPUs and says why.
 */
import { execFile } from "node:child_process";
import { NVIDIA_SMI_ATTEMPTS, NVIDIA_SMI_BYTES, NVIDIA_SMI_MS } from "../limits.ts";
import type { DetectedGpu } from "./detected-hardware.ts";

const FIELDS = ["index", "name", "uuid", "driver_version", "compute_cap", "memory.total"];
/** What the tool prints in place of a value. */
const MISSING = /^\[?(N\/A|Not Supported|Not Active|Unknown Error|Insufficient Permissions|GPU requires reset)\]?$/i;
const INTEGRATED = /\b(Orin|Xavier|Tegra|Thor|GB10)\b/;

export interface GpuDetection {
  readonly gpus: readonly DetectedGpu[];
  /** Absent when the GPUs were read, and when no driver is installed at all. */
  readonly problem?: string;
}

export async function detectNvidia(command: string = "nvidia-smi", signal?: AbortSignal): Promise<GpuDetection> {
  let fields = FIELDS;
  for (let attempt = 0; attempt < NVIDIA_SMI_ATTEMPTS; attempt++) {
    const { exit, output } = await run(command, [`--query-gpu=${fields.join(",")}`, "--format=csv"], signal);
    if (exit === "ok") return { gpus: parseNvidiaCsv(output) };
    if (exit === "not-installed") return { gpus: [] };
    const refused = /Field "([^"]+)" is not a valid field/.exec(output)?.[1];
    if (!refused || !fields.includes(refused))
      return { gpus: [], problem: `nvidia-smi: ${exit}; ${output.trim().slice(0, 200)}` };
    fields = fields.filter((field) => field !== refused);
  }
  return { gpus: [], problem: "nvidia-smi refuses every field that this node asks for" };
}

/** CSV with a header → GPUs. A row without a number of memory is left out: it could not be sold. Pure. */
export function parseNvidiaCsv(csv: string): DetectedGpu[] {
  const [header = "", ...rows] = csv.trim().split(/\r?\n/);
  const columns = header.split(",").map((column) => column.replace(/ \[.*\]$/, "").trim());
  return rows.flatMap((row, index) => {
    const values = row.split(",").map((value) => value.trim());
    const read = (field: string): string | undefined => {
      const value = values[columns.indexOf(field)];
      return value && !MISSING.test(value) ? value : undefined;
    };
    const vramMb = Number.parseInt(read("memory.total") ?? "", 10);
    const deviceId = Number.parseInt(read("index") ?? String(index), 10);
    if (!(vramMb > 0) || !(deviceId >= 0)) return [];
    const name = read("name") ?? "NVIDIA GPU";
    const uuid = read("uuid");
    const driverVersion = read("driver_version");
    const computeCapability = read("compute_cap");
    return [
      {
        deviceId,
        name,
        vendor: "nvidia" as const,
        vramMb,
        isIntegrated: INTEGRATED.test(name),
        ...(uuid ? { uuid } : {}),
        ...(driverVersion ? { driverVersion } : {}),
        ...(computeCapability ? { computeCapability } : {}),
      },
    ];
  });
}

interface Finished {
  readonly exit: "ok" | "not-installed" | "timed out" | `exit ${string}`;
  readonly output: string;
}

function run(command: string, args: readonly string[], signal?: AbortSignal): Promise<Finished> {
  const options = {
    timeout: NVIDIA_SMI_MS,
    killSignal: "SIGKILL" as const,
    maxBuffer: NVIDIA_SMI_BYTES,
    windowsHide: true,
    env: { ...process.env, LC_ALL: "C" },
    ...(signal ? { signal } : {}),
  };
  const { promise, resolve } = Promise.withResolvers<Finished>();
  execFile(command, args, options, (error, stdout, stderr) => {
    const output = `${stdout}${stderr}`;
    if (!error) resolve({ exit: "ok", output: stdout });
    else if (error.code === "ENOENT" || error.code === "EACCES") resolve({ exit: "not-installed", output });
    else if (error.killed) resolve({ exit: "timed out", output });
    else resolve({ exit: `exit ${String(error.code)}`, output });
  });
  return promise;
}
