import type { ErrorSpec } from "./error/app-error.ts";

export const PRIMITIVES_ERRORS: {
  readonly ID_MALFORMED: ErrorSpec<{ kind: string; value: string; allowed: string }>;
  readonly AMOUNT_MALFORMED: ErrorSpec<{ value: string }>;
  readonly AMOUNT_OUT_OF_RANGE: ErrorSpec<{ value: string; allowed: string }>;
} = {
  ID_MALFORMED: {
    code: "primitives/id-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `"${c.value}" is not a ${c.kind}: expected ${c.allowed}`,
  },
  AMOUNT_MALFORMED: {
    code: "primitives/amount-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `"${c.value}" is not an amount of CYXWIZ: expected digits with at most 9 decimals, like 12.5`,
  },
  AMOUNT_OUT_OF_RANGE: {
    code: "primitives/amount-out-of-range",
    rpc: "out-of-range",
    retry: "never",
    message: (c) => `the amount ${c.value} is out of range: allowed is ${c.allowed}`,
  },
};
