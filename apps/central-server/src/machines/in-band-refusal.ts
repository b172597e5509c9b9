import { inBandError, StatusCode, type Error as WireError } from "@cyxwiz/protocol";
import { isAppError, isError, PRIMITIVES_ERRORS, type AppError } from "@cyxwiz/primitives";

export interface InBandRefusal {
  readonly status: typeof StatusCode.STATUS_FAILED;
  readonly error: WireError;
}

/**
 * Runs a handler of an older service: refusals answer in the response, with gRPC OK.
 *
 * A malformed id, a caller who is not known, and failures of the server itself stay gRPC errors, as deployed clients
 * expect.
 */
export async function refusingInBand<Answer>(run: () => Promise<Answer>): Promise<Answer | InBandRefusal> {
  try {
    return await run();
  } catch (error) {
    if (!isAppError(error) || isGrpcError(error)) throw error;
    return { status: StatusCode.STATUS_FAILED, error: inBandError(error) };
  }
}

function isGrpcError(error: AppError): boolean {
  if (isError(error, PRIMITIVES_ERRORS.ID_MALFORMED)) return true;
  const outside: readonly AppError["rpc"][] = [
    "unauthenticated",
    "internal",
    "unavailable",
    "cancelled",
    "deadline-exceeded",
  ];
  return outside.includes(error.rpc);
}
