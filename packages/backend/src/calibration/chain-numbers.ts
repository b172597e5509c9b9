/**
 * The numbers of a matrix chain, as packages/market/SPEC.md (CAL2) defines them.
 *
 * The server has its own writing of the same rule, because it checks what others computed; a test of the Server Node holds
 * the two together.
 */
import { PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { MODULUS } from "./product-model.ts";

/** Of the seed's streams: the first matrix, the tape, and where on it each factor begins. */
const INDEX = { first: 0, tape: 1, places: 2 } as const;

/** `products` products of matrices of `size` rows and columns. */
export interface ChainRound {
  readonly size: number;
  readonly products: number;
}

/** Where on the tape the factor of each step begins. */
export function factorPlaces(seed: bigint, { size, products }: ChainRound): Uint32Array {
  const stream = new PhiloxStream(seed, STREAM.simulation, INDEX.places, size);
  return Uint32Array.from({ length: products }, () => stream.nextBelow(size * size));
}

/** The first matrix (size² numbers) or the tape (2 · size²): four elements a word, little end first. */
export function chainNumbers(seed: bigint, size: number, what: "first" | "tape"): Float32Array {
  const numbers = new Float32Array((what === "first" ? 1 : 2) * size * size);
  const stream = new PhiloxStream(seed, STREAM.simulation, INDEX[what], size);
  for (let i = 0; i < numbers.length; i += 4) {
    const word = stream.nextWord();
    numbers[i] = (word & 0xff) % MODULUS;
    numbers[i + 1] = ((word >>> 8) & 0xff) % MODULUS;
    numbers[i + 2] = ((word >>> 16) & 0xff) % MODULUS;
    numbers[i + 3] = (word >>> 24) % MODULUS;
  }
  return numbers;
}
