import { isAppError } from "@cyxwiz/primitives";
import { NODE_ERRORS } from "../errors.ts";

/** True when the server says that the credential itself is not good: a new one is needed, not another try. */
export function isCredentialRefused(error: unknown): boolean {
  if (!isAppError(error)) return false;
  if (error.rpc === "unauthenticated") return true;
  return error.code === NODE_ERRORS.CENTRAL_REFUSED.code && (error.context as { status?: number }).status === 401;
}
