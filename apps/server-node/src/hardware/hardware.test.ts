import { chmod, writeFile } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolder } from "../../test/temp-folder.ts";
import { physicalCores } from "./cpu.ts";
import { detectHardware, usableMemory } from "./detect-hardware.ts";
import { fingerprintOf, isVendorAssigned } from "./fingerprint.ts";
import { detectNvidia, parseNvidiaCsv } from "./nvidia-smi.ts";

/** An `nvidia-smi` that does what the shell script says. */
async function fakeSmi(folder: string, script: string): Promise<string> {
  const path = join(folder, "nvidia-smi");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

const CSV = `index, name, uuid, driver_version, compute_cap, memory.total [MiB]
0, NVIDIA GeForce RTX 4090, GPU-aaaa, 546.33, 8.9, 24576 MiB
1, NVIDIA Broken, GPU-bbbb, 546.33, [N/A], [Not Supported]
2, NVIDIA Orin, GPU-cccc, 546.33, [N/A], 8192 MiB`;

test("GPUs are read by the header's names; a GPU without a memory size is left out", () => {
  expect(parseNvidiaCsv(CSV)).toEqual([
    {
      deviceId: 0,
      name: "NVIDIA GeForce RTX 4090",
      vendor: "nvidia",
      vramMb: 24_576,
      uuid: "GPU-aaaa",
      driverVersion: "546.33",
      computeCapability: "8.9",
      isIntegrated: false,
    },
    {
      deviceId: 2,
      name: "NVIDIA Orin",
      vendor: "nvidia",
      vramMb: 8_192,
      uuid: "GPU-cccc",
      driverVersion: "546.33",
      isIntegrated: true,
    },
  ]);
  expect(parseNvidiaCsv("memory.total [MiB], index\n100 MiB, 7")[0]).toMatchObject({ deviceId: 7, vramMb: 100 });
  expect(parseNvidiaCsv("")).toEqual([]);
  expect(parseNvidiaCsv("garbage\n\n,,,,")).toEqual([]);
});

test("a field that the driver does not know is left out of the next query", async () => {
  await using folder = await tempFolder();
  const smi = await fakeSmi(
    folder.path,
    `case "$1" in *compute_cap*) echo 'Field "compute_cap" is not a valid field to query.'; exit 2;; esac
     printf 'index, name, memory.total [MiB]\\n0, Old GPU, 4096 MiB\\n'`,
  );
  expect(await detectNvidia(smi)).toEqual({
    gpus: [{ deviceId: 0, name: "Old GPU", vendor: "nvidia", vramMb: 4_096, isIntegrated: false }],
  });
});

test("[NH1] no driver is not a problem; a driver that fails is", async () => {
  await using folder = await tempFolder();
  expect(await detectNvidia(join(folder.path, "absent"))).toEqual({ gpus: [] });
  const smi = await fakeSmi(folder.path, "echo 'NVIDIA-SMI has failed'; exit 9");
  const found = await detectNvidia(smi);
  expect(found.gpus).toEqual([]);
  expect(found.problem).toContain("NVIDIA-SMI has failed");
});

test("cores are counted once, however many threads they have", () => {
  const block = (socket: number, core: number): string =>
    `processor : 0\nphysical id : ${socket}\ncore id\t: ${core}\n`;
  expect(physicalCores([block(0, 0), block(0, 0), block(0, 1), block(1, 0)].join("\n"))).toBe(3);
  expect(physicalCores("processor : 0\nmodel name : ARM\n")).toBeUndefined();
});

test("[NH2] the fingerprint needs a fact that differs between machines, and ignores order", () => {
  expect(fingerprintOf([" A ", "b", ""])).toBe(fingerprintOf(["b", "a", "a"]));
  expect(fingerprintOf(["a"])).not.toBe(fingerprintOf(["b"]));
  expect(fingerprintOf(["", " "])).toBeUndefined();
});

test("[NH2] addresses with the local bit do not count", () => {
  expect(isVendorAssigned("02:42:ac:11:00:02")).toBe(false);
  expect(isVendorAssigned("00:00:00:00:00:00")).toBe(false);
  expect(isVendorAssigned("3c:ec:ef:01:02:03")).toBe(true);
});

test("memory is what the cgroup leaves", () => {
  expect(usableMemory(100, 40)).toBe(40);
  expect(usableMemory(100, 0)).toBe(100);
  expect(usableMemory(100, 2 ** 64)).toBe(100);
});

test("this machine has a processor, memory and a disk", async () => {
  await using folder = await tempFolder();
  const hardware = await detectHardware({ dataDir: folder.path, nvidiaSmi: join(folder.path, "absent") });
  expect(hardware.cpu.usableThreads).toBe(availableParallelism());
  expect(hardware.cpu.cores).toBeGreaterThan(0);
  expect(hardware.cpu.cores).toBeLessThanOrEqual(hardware.cpu.threads);
  expect(hardware.memoryBytes).toBeLessThanOrEqual(totalmem());
  expect(hardware.storageBytes).toBeGreaterThan(0);
});
