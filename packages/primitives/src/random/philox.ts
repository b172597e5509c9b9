/**
 * Philox-4x32-10, the counter-based generator that verifiable runs draw dropout masks and shuffles from.
 *
 * A block is a pure function of (key, counter): any node can recompute the numbers of step n without the steps before.
 * @see Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; constants and rounds as in Random123.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;
const ROUNDS = 10;

/** Four 32-bit words. */
export type Block = readonly [number, number, number, number];

/** High and low 32 bits of a 32 × 32 product, from 16-bit halves so that no step exceeds 2⁵³. */
function highProduct(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  return (aHigh * bHigh + Math.floor((middle + aLow * bHigh) / 0x10000)) >>> 0;
}

/**
 * One block of random words.
 *
 * Shapes: counter [4], key [2] → [4], every word an unsigned 32-bit integer. Cost: 10 rounds, no allocation but the
 * result. Pure.
 */
export function philox4x32(counter: Block, key: readonly [number, number]): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = highProduct(M0, c0);
    const low0 = Math.imul(M0, c0) >>> 0;
    const high1 = highProduct(M1, c2);
    const low1 = Math.imul(M1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** What a stream is for: the streams of one seed never overlap. */
export const STREAM = { initialWeights: 1, shuffle: 2, dropout: 3, simulation: 4, split: 5 } as const;
export type Stream = (typeof STREAM)[keyof typeof STREAM];

/**
 * A sequence of random words from one seed, stream and position.
 *
 * Units: seed is an unsigned 64-bit integer; `index` names the sequence (an epoch, a step, a parameter number).
 * State: advances as it is drawn from; make a new one to start over.
 */
export class PhiloxStream {
  readonly #key: readonly [number, number];
  readonly #stream: number;
  readonly #index: number;
  readonly #lane: number;
  #position = 0;
  #block: Block = [0, 0, 0, 0];

  constructor(seed: bigint, stream: Stream, index: number, lane = 0) {
    this.#key = [Number(seed & 0xffffffffn), Number((seed >> 32n) & 0xffffffffn)];
    this.#stream = stream;
    this.#index = index >>> 0;
    this.#lane = lane >>> 0;
  }

  /** The next unsigned 32-bit word. */
  nextWord(): number {
    const offset = this.#position & 3;
    if (offset === 0) {
      this.#block = philox4x32([this.#position >>> 2, this.#index, this.#lane, this.#stream], this.#key);
    }
    this.#position++;
    return this.#block[offset as 0 | 1 | 2 | 3];
  }

  /** Uniform in [0, 1) with 24 bits, exact in float32. */
  nextUnit(): number {
    return (this.nextWord() >>> 8) / 0x1000000;
  }

  /** Uniform integer in [0, bound), without modulo bias. bound is 1 to 2³². */
  nextBelow(bound: number): number {
    const limit = 0x100000000 - (0x100000000 % bound);
    for (;;) {
      const word = this.nextWord();
      if (word < limit) return word % bound;
    }
  }
}

/**
 * A random order of 0 … count − 1 (Fisher–Yates), the same for the same stream.
 *
 * Cost: O(count), one Uint32Array.
 */
export function permutation(count: number, stream: PhiloxStream): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  for (let i = count - 1; i > 0; i--) {
    const j = stream.nextBelow(i + 1);
    const swap = order[i] as number;
    order[i] = order[j] as number;
    order[j] = swap;
  }
  return order;
}
