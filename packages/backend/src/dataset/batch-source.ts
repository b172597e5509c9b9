/** Copies rows of a dataset into the arrays that a driver takes, turning stored bytes into floats on the way. */
import { assert } from "@cyxwiz/primitives";
import type { Samples, Scaling } from "./samples.ts";

/** The rows of `samples` as float32 (and labels as they are), written one after the other. */
export class BatchSource {
  readonly #samples: Samples;
  readonly #sampleSize: number;
  readonly #targetSize: number;
  /** The 256 floats that a byte can mean: one look-up instead of a multiplication in double precision. */
  readonly #floats: Float32Array;

  constructor(samples: Samples, scaling: Scaling) {
    this.#samples = samples;
    this.#sampleSize = samples.x.length / samples.count;
    this.#targetSize = samples.y.length / samples.count;
    this.#floats = Float32Array.from({ length: 256 }, (_, byte) => byte * scaling.scale + scaling.offset);
  }

  get count(): number {
    return this.#samples.count;
  }

  /** Writes sample `row` as number `position` of `xs`. */
  copyInput(row: number, xs: Float32Array, position: number): void {
    const { x } = this.#samples;
    const size = this.#sampleSize;
    if (x instanceof Float32Array) {
      xs.set(x.subarray(row * size, (row + 1) * size), position * size);
      return;
    }
    const from = row * size;
    const to = position * size;
    for (let i = 0; i < size; i++) xs[to + i] = this.#floats[x[from + i] as number] as number;
  }

  /** Writes the label or target of `row` as number `position` of `ys`, which has the kind of the dataset's own. */
  copyTarget(row: number, ys: BigInt64Array | Float32Array, position: number): void {
    const { y } = this.#samples;
    const size = this.#targetSize;
    if (ys instanceof Float32Array) {
      assert(y instanceof Float32Array, "float targets come from a dataset of numbers");
      ys.set(y.subarray(row * size, (row + 1) * size), position * size);
    } else {
      assert(y instanceof BigInt64Array, "class targets come from a dataset of classes");
      ys[position] = y[row] as bigint;
    }
  }
}
