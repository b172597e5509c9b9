import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CPU_ALLOCATION } from "../../test/sample-assignment.ts";
import { scriptedDriver } from "../../test/scripted-driver.ts";
import { tempFolder } from "../../test/temp-folder.ts";
import type { TrainingDriver } from "../jobs/trainer.ts";
import { measureUnits } from "./self-benchmark.ts";

const { signal } = new AbortController();

function countingDriver(): { driver: TrainingDriver; measured: number[] } {
  const measured: number[] = [];
  const inner = scriptedDriver();
  const measure: TrainingDriver["measure"] = (threads, given) => {
    measured.push(threads);
    return inner.measure(threads, given);
  };
  return { driver: { ...inner, measure }, measured };
}

test("[NH5] a unit is measured once per build and thread count", async () => {
  await using folder = await tempFolder();
  const { driver, measured } = countingDriver();
  const options = { dataDir: folder.path, driver, signal };
  const first = await measureUnits([CPU_ALLOCATION], options);
  expect(await measureUnits([CPU_ALLOCATION], options)).toEqual(first);
  expect(measured).toEqual([4]);
  await measureUnits([{ ...CPU_ALLOCATION, threads: 2 }], options);
  const newBuild = { ...driver, abilities: { ...driver.abilities, build: "next" } };
  await measureUnits([CPU_ALLOCATION], { ...options, driver: newBuild });
  expect(measured).toEqual([4, 2, 4]);
});

test("a damaged file of measurements costs a new measurement only", async () => {
  await using folder = await tempFolder();
  await writeFile(join(folder.path, "benchmarks.json"), "{");
  const { driver, measured } = countingDriver();
  await measureUnits([CPU_ALLOCATION], { dataDir: folder.path, driver, signal });
  expect(measured).toEqual([4]);
});

test("[NH6] a device that the driver cannot train on, or that fails its self-test, is not offered", async () => {
  await using folder = await tempFolder();
  const { driver } = countingDriver();
  const broken = { ...driver, measure: () => Promise.reject(new TypeError("no runtime")) };
  const [gpu] = await measureUnits([{ ...CPU_ALLOCATION, deviceType: "gpu" }], {
    dataDir: folder.path,
    driver,
    signal,
  });
  const [cpu] = await measureUnits([CPU_ALLOCATION], { dataDir: folder.path, driver: broken, signal });
  expect(gpu).toMatchObject({ kind: "not-offered", reason: "the training driver scripted-1 does not run on a GPU" });
  expect(cpu).toMatchObject({ kind: "not-offered", reason: "its self-test failed: no runtime" });
});
