/** What one timed stretch of training measured, ours or PyTorch's. */
export interface TrainingWindow {
  readonly steps: number;
  readonly seconds: number;
  /** Of all threads of the process. */
  readonly cpuSeconds: number;
  /** Losses of the first steps from the given weights. */
  readonly losses: readonly number[];
}
