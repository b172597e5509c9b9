/** Scans over whole tensors, written for speed: they run over every value of every dataset. */

/** Index of the first NaN or infinity, or −1. */
export function firstNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

/** Index of the first label outside 0 … classes − 1, or −1. */
export function firstLabelOutside(labels: BigInt64Array, classes: number): number {
  const end = BigInt(classes);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as bigint;
    if (label < 0n || label >= end) return i;
  }
  return -1;
}
