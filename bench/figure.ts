/** One figure of a benchmark: a line of JSON on standard output, and the exit code of the program. */
export interface FigureBar {
  readonly name: string;
  readonly figure: number;
  readonly unit: string;
  readonly comparison: "at least" | "at most";
  readonly threshold: number;
  readonly note?: string;
}

/** Prints the figure and makes the program exit non-zero when it misses its bar. */
export function reportFigure(bar: FigureBar): void {
  const ok = bar.comparison === "at least" ? bar.figure >= bar.threshold : bar.figure <= bar.threshold;
  console.log(JSON.stringify({ ...bar, ok }));
  if (!ok) process.exitCode = 1;
}

/** The middle of several measurements. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** The value that a share of the measurements does not exceed: 0.99 gives p99. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
