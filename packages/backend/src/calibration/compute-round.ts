/** A round of a matrix chain on a training driver. */
import type { Clock } from "@cyxwiz/platform";
import { AppError, defined } from "@cyxwiz/primitives";
import type { TrainingDriver } from "../driver/training-driver.ts";
import { BACKEND_ERRORS } from "../errors.ts";
import { chainNumbers, type ChainRound, factorPlaces } from "./chain-numbers.ts";
import { MAX_PRODUCTS, MAX_SIZE } from "./limits.ts";
import { productModel, STATE } from "./product-model.ts";

export interface RoundRequest {
  /** Unsigned 64-bit, in decimal digits. */
  readonly seed: string;
  readonly round: ChainRound;
  readonly threads: number;
}

export interface ComputedRound {
  readonly size: number;
  /** The last matrix, row by row, one byte an element. */
  readonly product: Uint8Array;
  /** Of the products alone, by this machine's clock: shown to the owner, never paid by. */
  readonly seconds: number;
}

/**
 * Computes a round; the same bytes on every driver and number of threads.
 *
 * Cost: 2 · products · size³ operations and the making of 3 · size² numbers. Blocks its thread.
 * @throws AppError `backend/setting-invalid`, `backend/driver-failed`.
 */
export async function computeRound(
  driver: TrainingDriver,
  clock: Clock,
  { seed, round, threads }: RoundRequest,
): Promise<ComputedRound> {
  checkRequest(seed, round);
  const { size } = round;
  const key = BigInt(seed);
  const tape = chainNumbers(key, size, "tape");
  await using session = await driver.open(productModel(size), { threads });
  await session.writeState(new Map([[STATE, chainNumbers(key, size, "first")]]));
  const ys = new Float32Array(size);
  const start = clock.monotonic();
  for (const place of factorPlaces(key, round)) {
    const xs = tape.subarray(place, place + size * size);
    await session.run({ xs, ys, scalars: [], masks: [] });
  }
  const seconds = (clock.monotonic() - start) / 1_000;
  const state = defined((await session.readState()).get(STATE), "the chain's state");
  return { size, product: Uint8Array.from(state), seconds };
}

function checkRequest(seed: string, { size, products }: ChainRound): void {
  if (!/^\d{1,20}$/.test(seed) || BigInt(seed) >= 2n ** 64n) {
    const allowed = "decimal digits below 2^64";
    throw new AppError(BACKEND_ERRORS.SETTING_INVALID, { field: "seed", value: seed.slice(0, 40), allowed });
  }
  if (!Number.isInteger(size) || size < 2 || size > MAX_SIZE || size % 2 !== 0) {
    const allowed = `an even number from 2 to ${MAX_SIZE}`;
    throw new AppError(BACKEND_ERRORS.SETTING_INVALID, { field: "size", value: String(size), allowed });
  }
  if (!Number.isInteger(products) || products < 1 || products > MAX_PRODUCTS) {
    const allowed = `a whole number from 1 to ${MAX_PRODUCTS}`;
    throw new AppError(BACKEND_ERRORS.SETTING_INVALID, { field: "products", value: String(products), allowed });
  }
}
