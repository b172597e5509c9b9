import type { ErrorSpec } from "@cyxwiz/primitives";

export const OBJECT_ERRORS: {
  readonly OBJECT_NOT_FOUND: ErrorSpec<{ cid: string }>;
  readonly BODY_MISSING: ErrorSpec<Record<never, never>>;
} = {
  OBJECT_NOT_FOUND: {
    code: "central/object-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) => `there is no object ${c.cid} that you may read: upload it with POST /api/objects`,
  },
  BODY_MISSING: {
    code: "central/object-body-missing",
    rpc: "invalid-argument",
    retry: "never",
    message: () => "the object has no bytes: send them as the body, with content-type application/octet-stream",
  },
};
