/** Labelled samples in memory: what readers produce, and what training takes its batches from. */

/** How stored bytes become floats: value · scale + offset. Float data is stored as it is. */
export interface Scaling {
  readonly scale: number;
  readonly offset: number;
}

/**
 * Shapes: x [count, ...sampleShape]; y [count] of class numbers (BigInt64Array), or [count, ...targetShape] of floats.
 */
export interface Samples {
  readonly count: number;
  readonly x: Uint8Array | Float32Array;
  readonly y: BigInt64Array | Float32Array;
}

/** What a dataset is, without its values. */
export interface DatasetDescription {
  readonly trainSamples: number;
  readonly testSamples: number;
  readonly sampleShape: readonly number[];
  /** Number of classes; 0 where the target is a number. */
  readonly classes: number;
  readonly classNames: readonly string[];
  /** Extents of one target, [] for a class. */
  readonly targetShape: readonly number[];
  readonly scaling: Scaling;
}

export interface Dataset {
  readonly description: DatasetDescription;
  readonly train: Samples;
  readonly test: Samples;
}

/** What a reader makes of a source that has no split of its own. */
export interface SampleTable {
  readonly samples: Samples;
  readonly sampleShape: readonly number[];
  readonly classNames: readonly string[];
  readonly targetShape: readonly number[];
  readonly scaling: Scaling;
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** The given rows, in the given order, as samples of their own. */
export function selectRows(samples: Samples, rows: Uint32Array): Samples {
  return { count: rows.length, x: rowsOf(samples.x, rows, samples.count), y: rowsOf(samples.y, rows, samples.count) };
}

function rowsOf<T extends Uint8Array | Float32Array | BigInt64Array>(data: T, rows: Uint32Array, count: number): T {
  const width = data.length / count;
  const picked = emptyLike(data, rows.length * width) as T;
  rows.forEach((row, i) => picked.set(data.subarray(row * width, (row + 1) * width) as never, i * width));
  return picked;
}

function emptyLike(data: Uint8Array | Float32Array | BigInt64Array, length: number): typeof data {
  if (data instanceof Float32Array) return new Float32Array(length);
  return data instanceof BigInt64Array ? new BigInt64Array(length) : new Uint8Array(length);
}
