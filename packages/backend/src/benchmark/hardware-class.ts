/** Names what kind of processor this is: results of one driver build are compared bit by bit only within one class. */
import { existsSync, readFileSync } from "node:fs";
import { arch, cpus } from "node:os";

/**
 * Instruction sets by which ONNX Runtime picks its float32 kernels, best first, with the flags that Linux shows for them.
 * Extensions for other types (VNNI, AMX) change no float32 result.
 */
const LEVELS: readonly (readonly [name: string, flags: readonly string[]])[] = [
  ["avx512", ["avx512f"]],
  ["avx2", ["avx2", "fma"]],
  ["avx", ["avx"]],
];

/**
 * Like `x64-avx512` on Linux; elsewhere the instruction set is not visible and the processor's name stands for it. Reads
 * the machine.
 */
export function hardwareClass(): string {
  return classOf({ arch: arch(), model: cpus()[0]?.model ?? "unknown", flags: cpuFlags(), isHybrid: isHybrid() });
}

export interface Processor {
  readonly arch: string;
  readonly model: string;
  readonly flags: ReadonlySet<string> | undefined;
  readonly isHybrid?: boolean;
}

/**
 * Letters, digits and hyphens only. A processor with two kinds of cores is a class of its own: ONNX Runtime parts work
 * finer there, and so sums in another order. Pure.
 */
export function classOf({ arch: kind, model, flags, isHybrid = false }: Processor): string {
  const level = flags && LEVELS.find(([, needed]) => needed.every((flag) => flags.has(flag)))?.[0];
  if (level) return isHybrid ? `${kind}-${level}-hybrid` : `${kind}-${level}`;
  const name = model
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return `${kind}-${name || "unknown"}`;
}

/** Linux lists the two kinds of cores of one processor apart. */
function isHybrid(): boolean {
  return existsSync("/sys/devices/cpu_core") && existsSync("/sys/devices/cpu_atom");
}

function cpuFlags(): ReadonlySet<string> | undefined {
  try {
    const line = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
    return line === undefined ? undefined : new Set(line.trim().split(/\s+/));
  } catch {
    return undefined;
  }
}
