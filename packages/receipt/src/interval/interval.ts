/** Steps `from` + 1 to `to`: from the state at `from` to the state at `to`. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}
