import { create } from "@bufbuild/protobuf";
import type { AppError, RpcStatus } from "@cyxwiz/primitives";
import type { Error as WireError } from "../gen/cyxwiz/protocol/common_pb.ts";
import { ErrorSchema } from "../gen/cyxwiz/protocol/common_pb.ts";

/** The numbers that deployed clients know in `Error.code`. */
export type InBandCode = 400 | 401 | 402 | 403 | 404 | 409 | 410 | 500;

const IN_BAND_OF_STATUS: Readonly<Partial<Record<RpcStatus, InBandCode>>> = {
  "invalid-argument": 400,
  "out-of-range": 400,
  unauthenticated: 401,
  "permission-denied": 403,
  "not-found": 404,
  "already-exists": 409,
  "failed-precondition": 409,
  aborted: 409,
};

/**
 * A refusal as the older services answer it: in the response, with gRPC OK. The AppError code is in `details`.
 * `code` overrides where no status says it: 402 (a ceiling that is too low), 410 (a reservation that is over).
 */
export function inBandError(error: AppError, code?: InBandCode): WireError {
  return create(ErrorSchema, {
    code: code ?? IN_BAND_OF_STATUS[error.rpc] ?? 500,
    message: error.rpc === "internal" ? "internal error" : error.message,
    details: error.code,
  });
}
