import type { ErrorSpec } from "@cyxwiz/primitives";

export const CYXCLOUD_ERRORS: {
  readonly OBJECT_TOO_LARGE: ErrorSpec<{ maxBytes: number }>;
  readonly OBJECT_NOT_FOUND: ErrorSpec<{ cid: string }>;
  readonly RANGE_INVALID: ErrorSpec<{ start: number; end: number; sizeBytes: number }>;
  readonly STORE_FULL: ErrorSpec<{ where: string }>;
} = {
  OBJECT_TOO_LARGE: {
    code: "cyxcloud/object-too-large",
    rpc: "resource-exhausted",
    retry: "never",
    message: (c) => `the object is larger than the ${c.maxBytes} bytes allowed here; nothing was stored`,
  },
  OBJECT_NOT_FOUND: {
    code: "cyxcloud/object-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) => `no object ${c.cid} in this store; put its bytes first`,
  },
  RANGE_INVALID: {
    code: "cyxcloud/range-invalid",
    rpc: "out-of-range",
    retry: "never",
    message: (c) =>
      `the byte range ${c.start} to ${c.end} does not fit: allowed is 0 ≤ start ≤ end ≤ ${c.sizeBytes}, in whole bytes`,
  },
  STORE_FULL: {
    code: "cyxcloud/store-full",
    rpc: "resource-exhausted",
    retry: "backoff",
    message: (c) => `the object store has no room left (${c.where}); nothing was stored. Delete objects or add space`,
  },
};
