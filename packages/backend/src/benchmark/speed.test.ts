import { LOWERING } from "@cyxwiz/graph";
import { expect, test } from "vitest";
import { loadOrtNode } from "../driver/ort-node.ts";
import { classOf, hardwareClass } from "./hardware-class.ts";
import { measureSpeed } from "./measure-speed.ts";
import { trainForSpeed } from "./speed.ts";

test("speed is operations over the clock's time, of at least one run", async () => {
  let now = 0;
  const clock = { now: () => 0, monotonic: () => (now += 500), sleep: () => Promise.resolve() };
  const driver = await loadOrtNode();
  const slow = await trainForSpeed(driver, clock, { threads: 1, budgetMs: 1 });
  const longer = await trainForSpeed(driver, clock, { threads: 1, budgetMs: 1_000 });
  expect(longer.trainFlopsPerSecond).toBe(slow.trainFlopsPerSecond);
  expect(slow).toMatchObject({ lowering: LOWERING, build: driver.build, hardwareClass: hardwareClass() });
});

test("a process of its own measures this machine", async () => {
  const speed = await measureSpeed({ threads: 1, budgetMs: 50 });
  expect(speed.trainFlopsPerSecond).toBeGreaterThan(1e6);
  expect(speed.build).toBe((await loadOrtNode()).build);
});

test("an aborted measurement ends with the signal's reason", async () => {
  await expect(measureSpeed({ threads: 1, budgetMs: 50, signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: "AbortError",
  });
  const controller = new AbortController();
  const measuring = measureSpeed({ threads: 1, budgetMs: 60_000, signal: controller.signal });
  controller.abort();
  await expect(measuring).rejects.toMatchObject({ name: "AbortError" });
});

test("a measurement that cannot run is an error with the process's exit", async () => {
  await expect(measureSpeed({ threads: -1, budgetMs: 1 })).rejects.toMatchObject({ code: "backend/trainer-lost" });
});

test("a processor's class is its instruction set where that shows, else its name", () => {
  const flags = (text: string): Set<string> => new Set(text.split(" "));
  expect(classOf({ arch: "x64", model: "x", flags: flags("avx avx2 fma avx512f avx512bw avx512dq avx512vl") })).toBe(
    "x64-avx512",
  );
  expect(classOf({ arch: "x64", model: "x", flags: flags("avx2 fma"), isHybrid: true })).toBe("x64-avx2-hybrid");
  expect(classOf({ arch: "x64", model: "x", flags: flags("avx avx2 fma") })).toBe("x64-avx2");
  expect(classOf({ arch: "arm64", model: "Apple M3 (Pro)", flags: undefined })).toBe("arm64-apple-m3-pro");
  expect(classOf({ arch: "x64", model: "", flags: flags("sse2") })).toBe("x64-unknown");
  expect(hardwareClass()).toMatch(/^[a-z0-9-]+$/);
});
