/**
 * Who makes an RPC call: the interceptor that reads its bearer token before any handler runs.
 *
 * Every service but NodeDiscoveryService demands one. Handlers read the caller with `callerOf`.
 */
import { createContextKey, type ContextKey } from "@connectrpc/connect";
import { AppError, assert } from "@cyxwiz/primitives";
import type { RpcContext, RpcInterceptor } from "@cyxwiz/protocol/server";
import { CENTRAL_ERRORS } from "../errors.ts";
import type { UserPrincipal } from "../rest/authenticated.ts";
import type { Authenticator, Principal } from "./principal.ts";

const CALLER: ContextKey<Principal | undefined> = createContextKey<Principal | undefined>(undefined, {
  description: "who makes the call",
});
const PUBLIC_SERVICE = "cyxwiz.protocol.NodeDiscoveryService/";

/** @throws (in the call) AppError `central/unauthenticated`. */
export function authenticateCalls(authenticator: Authenticator): RpcInterceptor {
  return async (context) => {
    if (context.method.startsWith(PUBLIC_SERVICE)) return undefined;
    context.values.set(CALLER, await authenticator.authenticate(context.metadata.get("authorization")));
    return undefined;
  };
}

/** The caller of a method that demands a token. */
export function callerOf(context: RpcContext): Principal {
  const caller = context.values.get(CALLER);
  assert(caller !== undefined, `${context.method} is served without authentication`);
  return caller;
}

/** The user who calls. @throws AppError `central/user-only` for a node's token. */
export function callingUser(context: RpcContext): UserPrincipal {
  const caller = callerOf(context);
  if (caller.kind !== "user") throw new AppError(CENTRAL_ERRORS.USER_ONLY, { route: context.method });
  return caller;
}
