/** What a calibrator's process tells its parent, as JSON. It is told a `RoundRequest`. */
export type FromCalibrator =
  | {
      readonly kind: "computed";
      readonly size: number;
      /** Base64. */
      readonly product: string;
      readonly seconds: number;
    }
  | { readonly kind: "failed"; readonly code: string; readonly reason: string }
  /** Said by the parent itself: the process ended. */
  | { readonly kind: "lost"; readonly exit: string };
