/**
 * The work of a challenge: a chain of products of square matrices over the integers modulo 31.
 *
 * Every device computes it exactly. Entries are below 31, so a row times a column of n elements sums to at most 900 n,
 * which float32 holds exactly up to n = 18,640, in whatever order and however fused the sums are. So the answer depends
 * neither on hardware nor on driver nor on threads, and one byte holds an element.
 *
 * Making random numbers costs far more than reading them, so the factors are windows of one tape of 2n² elements, each
 * beginning anywhere in its first half. With n² places to begin, hardly a pair of factors comes twice, and there is
 * nothing to gain from multiplying pairs ahead of time.
 *
 * The numbers come from Philox under the challenge's seed; lane = size. An element is one byte of the stream, little end
 * first, modulo 31.
 */
import { AppError, assert, PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { MARKET_ERRORS } from "../errors.ts";
import { MAX_CHAIN_SIZE } from "./limits.ts";

/** A prime: only then does every non-zero difference survive the check. */
export const MODULUS = 31;

/** Of the seed's streams: the first matrix, the tape, and where on it each factor begins. */
const INDEX = { first: 0, tape: 1, places: 2 } as const;

/** `products` products of matrices of `size` rows and columns. */
export interface ChallengeRound {
  readonly size: number;
  readonly products: number;
}

/** Multiplications and additions of a round. */
export function operationsOf({ size, products }: ChallengeRound): number {
  return 2 * size ** 3 * products;
}

/** Where on the tape the factor of each step begins, the first step first. */
export function factorPlaces(seed: bigint, { size, products }: ChallengeRound): Uint32Array {
  const stream = new PhiloxStream(seed, STREAM.simulation, INDEX.places, size);
  return Uint32Array.from({ length: products }, () => stream.nextBelow(size * size));
}

/** The factor that begins at a place. Shapes: tape [2 · size²] → [size, size], a view. */
export function factorAt(tape: Uint8Array, place: number, size: number): Uint8Array {
  return tape.subarray(place, place + size * size);
}

/** Fills `target`, row by row, with the next elements of a matrix's stream. */
export function fillElements(target: Uint8Array, stream: PhiloxStream): void {
  assert(target.length % 4 === 0, "a word gives four elements");
  for (let i = 0; i < target.length; i += 4) {
    const word = stream.nextWord();
    target[i] = (word & 0xff) % MODULUS;
    target[i + 1] = ((word >>> 8) & 0xff) % MODULUS;
    target[i + 2] = ((word >>> 16) & 0xff) % MODULUS;
    target[i + 3] = (word >>> 24) % MODULUS;
  }
}

/** The elements of a round's first matrix and of its tape: how many, and where they come from. */
export function chainElements(
  seed: bigint,
  size: number,
  what: "first" | "tape",
): { readonly count: number; readonly stream: PhiloxStream } {
  const count = what === "first" ? size * size : 2 * size * size;
  return { count, stream: new PhiloxStream(seed, STREAM.simulation, INDEX[what], size) };
}

/** All of them at once. Pure. */
export function chainNumbers(seed: bigint, size: number, what: "first" | "tape"): Uint8Array {
  const { count, stream } = chainElements(seed, size, what);
  const numbers = new Uint8Array(count);
  fillElements(numbers, stream);
  return numbers;
}

/**
 * The last matrix of a round by plain arithmetic: what every device must answer.
 *
 * Shapes: → [size, size], row by row. Cost: products × size³; for small rounds and tests only. Pure.
 * @throws AppError `market/needs-out-of-range`.
 */
export function chainProduct(seed: bigint, round: ChallengeRound): Uint8Array {
  checkRound(round);
  const { size } = round;
  const tape = chainNumbers(seed, size, "tape");
  let current = chainNumbers(seed, size, "first");
  for (const place of factorPlaces(seed, round)) current = multiply(factorAt(tape, place, size), current, size);
  return current;
}

/** @throws AppError `market/needs-out-of-range`, naming the field. */
export function checkRound({ size, products }: ChallengeRound): void {
  if (!Number.isInteger(size) || size < 2 || size > MAX_CHAIN_SIZE || size % 2 !== 0) {
    const allowed = `an even number from 2 to ${MAX_CHAIN_SIZE}`;
    throw new AppError(MARKET_ERRORS.NEEDS_OUT_OF_RANGE, { field: "size", value: size, allowed });
  }
  if (!Number.isInteger(products) || products < 1) {
    throw new AppError(MARKET_ERRORS.NEEDS_OUT_OF_RANGE, { field: "products", value: products, allowed: "at least 1" });
  }
}

/** factor · current modulo 31. Shapes: both [size, size]. */
function multiply(factor: Uint8Array, current: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size * size);
  const sums = new Uint32Array(size);
  for (let row = 0; row < size; row++) {
    sums.fill(0);
    for (let inner = 0; inner < size; inner++) {
      const element = factor[row * size + inner] as number;
      for (let column = 0; column < size; column++) {
        sums[column] = (sums[column] as number) + element * (current[inner * size + column] as number);
      }
    }
    for (let column = 0; column < size; column++) result[row * size + column] = (sums[column] as number) % MODULUS;
  }
  return result;
}
