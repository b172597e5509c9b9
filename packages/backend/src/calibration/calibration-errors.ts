import type { ErrorSpec } from "@cyxwiz/primitives";

export const CALIBRATION_ERRORS: {
  readonly CALIBRATION_FAILED: ErrorSpec<{ code: string; reason: string }>;
} = {
  CALIBRATION_FAILED: {
    code: "backend/calibration-failed",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the matrix chain could not be computed (${c.code}): ${c.reason}`,
  },
};
