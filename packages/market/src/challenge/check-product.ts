/**
 * Checks a challenge's answer without doing its work.
 *
 * Freivalds' method over the field of 31 elements: for a secret random vector r, the answered matrix times r must be the
 * factors applied one after the other to r. That costs products × size² instead of products × size³. A wrong answer
 * passes one vector with a chance of at most 1/31, and `CHECK_VECTORS` of them with less than 2⁻⁴⁹. The vectors must be
 * drawn after the answer is there.
 *
 * Two vectors travel in one float64: sums of 2,048 products below 900 stay under 2²¹, so the halves never meet.
 * @see R. Freivalds, "Fast probabilistic algorithms", MFCS 1979.
 */
import { assert } from "@cyxwiz/primitives";
import { chainElements, checkRound, factorAt, factorPlaces, fillElements, MODULUS } from "./matrix-chain.ts";
import type { ChallengeRound } from "./matrix-chain.ts";

const CHECK_VECTORS = 10;

const LANES = CHECK_VECTORS / 2;
const HALF = 2 ** 21;
/** Elements made or multiplied between two pauses: a few milliseconds. */
const PIECE = 512 * 1024;
/** The largest multiple of the modulus that a byte reaches: bytes from here on are drawn again. */
const UNBIASED = 256 - (256 % MODULUS);

/** `LANES` vectors of float64, each of which holds two vectors of residues. */
type PackedVectors = readonly Float64Array[];

export interface AnswerToCheck {
  readonly seed: bigint;
  readonly round: ChallengeRound;
  /** [size, size], row by row. */
  readonly product: Uint8Array;
  /** Secure random bytes, as many as asked for. */
  readonly randomBytes: (count: number) => Uint8Array;
}

/**
 * Whether the answer is the chain's product. Yields every few milliseconds of work, so that the caller can pause.
 *
 * Cost: (products + 1) × size² × `CHECK_VECTORS` multiplications, and the making of 3 size² numbers.
 * @throws AppError `market/needs-out-of-range` for a round that no plan has.
 */
export function* checkProduct({ seed, round, product, randomBytes }: AnswerToCheck): Generator<void, boolean, void> {
  checkRound(round);
  const { size } = round;
  if (product.length !== size * size || !(yield* areResidues(product))) return false;
  const first = yield* makeNumbers(chainElements(seed, size, "first"));
  const tape = yield* makeNumbers(chainElements(seed, size, "tape"));
  const vectors = drawVectors(size, randomBytes);
  const claimed = yield* apply(product, vectors, size);
  let expected = yield* apply(first, vectors, size);
  for (const place of factorPlaces(seed, round)) expected = yield* apply(factorAt(tape, place, size), expected, size);
  return claimed.every((lane, i) => lane.every((value, row) => value === expected[i]?.[row]));
}

function* areResidues(product: Uint8Array): Generator<void, boolean, void> {
  for (let from = 0; from < product.length; from += PIECE) {
    if (product.subarray(from, from + PIECE).some((element) => element >= MODULUS)) return false;
    yield;
  }
  return true;
}

function* makeNumbers({ count, stream }: ReturnType<typeof chainElements>): Generator<void, Uint8Array, void> {
  const numbers = new Uint8Array(count);
  for (let from = 0; from < count; from += PIECE) {
    fillElements(numbers.subarray(from, from + PIECE), stream);
    yield;
  }
  return numbers;
}

/** Uniform residues: without bias a wrong element meets a zero no more often than one time in 31. */
function drawVectors(size: number, randomBytes: (count: number) => Uint8Array): PackedVectors {
  const wanted = size * CHECK_VECTORS;
  const residues = new Uint8Array(wanted);
  for (let have = 0; have < wanted;) {
    for (const byte of randomBytes(wanted)) {
      if (byte < UNBIASED && have < wanted) residues[have++] = byte % MODULUS;
    }
  }
  return Array.from({ length: LANES }, (_, lane) =>
    Float64Array.from({ length: size }, (_element, row) => {
      const at = 2 * lane * size + 2 * row;
      return (residues[at] as number) + HALF * (residues[at + 1] as number);
    }),
  );
}

/** matrix · vectors modulo 31. Shapes: [size, size] · LANES × [size] → LANES × [size]. */
function* apply(matrix: Uint8Array, vectors: PackedVectors, size: number): Generator<void, PackedVectors, void> {
  const results = vectors.map(() => new Float64Array(size));
  const rows = Math.max(1, Math.floor(PIECE / size));
  for (let from = 0; from < size; from += rows) {
    applyRows(matrix, vectors, results, { from, to: Math.min(size, from + rows) });
    yield;
  }
  return results;
}

/** The inner loop, written out for the five lanes: a loop over them is three times slower. */
function applyRows(
  matrix: Uint8Array,
  vectors: PackedVectors,
  results: PackedVectors,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  const [a, b, c, d, e] = vectors;
  const [toA, toB, toC, toD, toE] = results;
  assert(a && b && c && d && e && toA && toB && toC && toD && toE, "five lanes hold ten vectors");
  const size = a.length;
  for (let row = from; row < to; row++) {
    let sumA = 0;
    let sumB = 0;
    let sumC = 0;
    let sumD = 0;
    let sumE = 0;
    for (let column = 0, at = row * size; column < size; column++, at++) {
      const element = matrix[at] as number;
      sumA += element * (a[column] as number);
      sumB += element * (b[column] as number);
      sumC += element * (c[column] as number);
      sumD += element * (d[column] as number);
      sumE += element * (e[column] as number);
    }
    toA[row] = reduce(sumA);
    toB[row] = reduce(sumB);
    toC[row] = reduce(sumC);
    toD[row] = reduce(sumD);
    toE[row] = reduce(sumE);
  }
}

function reduce(packed: number): number {
  const high = Math.floor(packed / HALF);
  return ((packed - high * HALF) % MODULUS) + HALF * (high % MODULUS);
}
