import { systemClock, VirtualClock } from "@cyxwiz/platform";
import { beforeAll, describe, expect, test } from "vitest";
import { loadOrtNode } from "../driver/ort-node.ts";
import { loadOrtWeb } from "../driver/ort-web.ts";
import type { TrainingDriver } from "../driver/training-driver.ts";
import { startCalibrator } from "./calibrator.ts";
import { chainNumbers, type ChainRound, factorPlaces } from "./chain-numbers.ts";
import { computeRound } from "./compute-round.ts";
import { MAX_SIZE } from "./limits.ts";

const SEED = 2n ** 64n - 5n;

/** The chain in whole numbers without bounds, straight from the rule. */
function reference(seed: bigint, round: ChainRound): readonly number[] {
  const { size } = round;
  const tape = [...chainNumbers(seed, size, "tape")].map(BigInt);
  let current = [...chainNumbers(seed, size, "first")].map(BigInt);
  for (const place of factorPlaces(seed, round)) {
    const rows = tape.slice(place, place + size * size);
    current = current.map((_, at) => {
      const row = Math.floor(at / size) * size;
      let sum = 0n;
      for (let k = 0; k < size; k++) sum += (rows[row + k] ?? 0n) * (current[k * size + (at % size)] ?? 0n);
      return sum % 31n;
    });
  }
  return current.map(Number);
}

describe("[CAL1] the chain is exact", () => {
  let driver: TrainingDriver;
  beforeAll(async () => {
    driver = await loadOrtNode();
  });

  test.each([
    { size: 2, products: 1 },
    { size: 6, products: 9 },
    { size: 34, products: 5 },
    { size: 64, products: 3 },
  ])("$products products of size $size are those of whole numbers", async (round) => {
    const computed = await computeRound(driver, systemClock, { seed: String(SEED), round, threads: 1 });
    expect([...computed.product]).toEqual(reference(SEED, round));
  });

  test("any number of threads, and WebAssembly, give the same bytes", async () => {
    const round = { size: 256, products: 3 };
    const request = { seed: "77", round, threads: 1 };
    const one = await computeRound(driver, systemClock, request);
    const three = await computeRound(driver, systemClock, { ...request, threads: 3 });
    const wasm = await computeRound(await loadOrtWeb(), systemClock, request);
    expect(Buffer.compare(one.product, three.product)).toBe(0);
    expect(Buffer.compare(one.product, wasm.product)).toBe(0);
  });

  test("the largest sums leave the right remainder", async () => {
    const size = MAX_SIZE;
    const seed = "1";
    const { product } = await computeRound(driver, new VirtualClock(), {
      seed,
      round: { size, products: 1 },
      threads: 2,
    });
    const [place = 0] = factorPlaces(1n, { size, products: 1 });
    const factor = chainNumbers(1n, size, "tape").subarray(place);
    const first = chainNumbers(1n, size, "first");
    for (const [row, column] of [
      [0, 0],
      [size - 1, size - 1],
      [1_000, 17],
    ] as const) {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += (factor[row * size + k] ?? 0) * (first[k * size + column] ?? 0);
      expect(product[row * size + column]).toBe(sum % 31);
    }
    expect(product.every((element) => element < 31)).toBe(true);
  });
});

test("a round that cannot be is refused by field", async () => {
  const driver = await loadOrtNode();
  const refusal = (change: object, seed = "1"): Promise<unknown> =>
    computeRound(driver, systemClock, { seed, round: { size: 8, products: 1, ...change }, threads: 1 }).catch(
      (error: unknown) => error,
    );
  const invalid = (field: string): object => ({ code: "backend/setting-invalid", context: { field } });
  expect(await refusal({ size: 7 })).toMatchObject(invalid("size"));
  expect(await refusal({ size: MAX_SIZE + 2 })).toMatchObject(invalid("size"));
  expect(await refusal({ products: 0 })).toMatchObject(invalid("products"));
  expect(await refusal({}, "-1")).toMatchObject(invalid("seed"));
  expect(await refusal({}, String(2n ** 64n))).toMatchObject(invalid("seed"));
});

test("a process of its own computes round after round, and says why it cannot", async () => {
  await using calibrator = startCalibrator({ niceness: 10 });
  const round = { size: 16, products: 4 };
  const first = await calibrator.compute({ seed: "5", round, threads: 1 });
  const second = await calibrator.compute({ seed: "6", round, threads: 1 });
  expect([...first.product]).toEqual(reference(5n, round));
  expect([...second.product]).toEqual(reference(6n, round));
  expect(first.seconds).toBeGreaterThan(0);
  await expect(calibrator.compute({ seed: "5", round: { size: 3, products: 1 }, threads: 1 })).rejects.toMatchObject({
    code: "backend/calibration-failed",
    context: { code: "backend/setting-invalid" },
  });
});

test("work never waits: disposing ends a product in its middle", async () => {
  const calibrator = startCalibrator({ niceness: 10 });
  await calibrator.compute({ seed: "5", round: { size: 2, products: 1 }, threads: 1 });
  const computing = calibrator.compute({ seed: "5", round: { size: 512, products: 10_000 }, threads: 1 });
  const lost = expect(computing).rejects.toMatchObject({ code: "backend/trainer-lost" });
  await calibrator[Symbol.asyncDispose]();
  await lost;
});
