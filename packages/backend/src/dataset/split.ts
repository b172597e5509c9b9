/** Sets test samples aside when a source has none: the same ones on every machine. */
import { permutation, PhiloxStream, STREAM } from "@cyxwiz/primitives";
import { type Dataset, type Samples, type SampleTable, selectRows } from "./samples.ts";

/** One fifth is the usual share, and leaves 2,000 of 10,000 digits: an accuracy that is good to about ± 0.4 %. */
const TEST_SHARE = 0.2;

/** The split is part of the data, not of a job: its seed never changes. */
const SPLIT_SEED = 0n;

/** Row numbers in a random order: `test` holds every class in proportion (largest remainders), `train` the rest. */
export interface SplitRows {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

/** Splits by class where y holds classes, else at random. Test gets ⌊count · TEST_SHARE⌋ rows, at least 1. */
export function splitRows(y: BigInt64Array | Float32Array, count: number): SplitRows {
  const order = permutation(count, new PhiloxStream(SPLIT_SEED, STREAM.split, 0));
  const wanted = Math.max(1, Math.floor(count * TEST_SHARE));
  const classOf = y instanceof BigInt64Array ? (row: number) => Number(y[row]) : () => 0;
  const quota = quotas(order, classOf, wanted);
  const train: number[] = [];
  const test: number[] = [];
  for (const row of order) {
    const left = quota.get(classOf(row)) ?? 0;
    (left > 0 ? test : train).push(row);
    if (left > 0) quota.set(classOf(row), left - 1);
  }
  return { train: Uint32Array.from(train), test: Uint32Array.from(test) };
}

export function splitTable(table: SampleTable): Dataset {
  const rows = splitRows(table.samples.y, table.samples.count);
  return datasetOf(table, selectRows(table.samples, rows.train), selectRows(table.samples, rows.test));
}

/** A dataset from a table's description and samples that are already split. */
export function datasetOf(table: Omit<SampleTable, "samples">, train: Samples, test: Samples): Dataset {
  const { sampleShape, classNames, targetShape, scaling } = table;
  const classes = classNames.length;
  return {
    description: {
      trainSamples: train.count,
      testSamples: test.count,
      sampleShape,
      classes,
      classNames,
      targetShape,
      scaling,
    },
    train,
    test,
  };
}

function quotas(rows: Uint32Array, classOf: (row: number) => number, wanted: number): Map<number, number> {
  const counts = new Map<number, number>();
  for (const row of rows) counts.set(classOf(row), (counts.get(classOf(row)) ?? 0) + 1);
  const shares = [...counts].map(([label, n]) => ({ label, exact: (n * wanted) / rows.length }));
  const quota = new Map(shares.map(({ label, exact }) => [label, Math.floor(exact)]));
  let left = wanted - [...quota.values()].reduce((sum, n) => sum + n, 0);
  const byRemainder = shares.toSorted((a, b) => (b.exact % 1) - (a.exact % 1) || a.label - b.label);
  for (const { label } of byRemainder) {
    if (left-- <= 0) break;
    quota.set(label, (quota.get(label) ?? 0) + 1);
  }
  return quota;
}
