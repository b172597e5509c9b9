/**
 * Who may call a route, as Fastify hooks that run before the body is read.
 *
 * `onRequest: hooks.requireUser` on a route, then `userOf(request)` in its handler. A node's token passes
 * `requireUser` nowhere, which is what closes every money route to it.
 */
import { AppError, assert } from "@cyxwiz/primitives";
import type { FastifyRequest } from "fastify";
import type { Authenticator, Principal } from "../accounts/principal.ts";
import { CENTRAL_ERRORS } from "../errors.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Who calls; null on public routes. Read it through `userOf` or `principalOf`. */
    principal: Principal | null;
  }
}

export type UserPrincipal = Extract<Principal, { kind: "user" }>;
type Hook = (request: FastifyRequest) => Promise<void>;

export interface AuthenticatedHooks {
  /** @throws AppError `central/unauthenticated`; `central/user-only` for nodes. */
  readonly requireUser: Hook;
  /** @throws AppError `central/unauthenticated`; `central/node-only` for users. */
  readonly requireNode: Hook;
  /** A user or a node. @throws AppError `central/unauthenticated`. */
  readonly requireAny: Hook;
  /** @throws AppError `central/unauthenticated`; `central/user-only`; `central/admin-only`. */
  readonly requireAdmin: Hook;
}

export function createAuthenticatedHooks(authenticator: Authenticator): AuthenticatedHooks {
  const hook =
    (check: (principal: Principal, route: string) => void): Hook =>
    async (request) => {
      const principal = await authenticator.authenticate(request.headers.authorization);
      check(principal, `${request.method} ${request.routeOptions.url ?? request.url}`);
      request.principal = principal;
    };
  return {
    requireUser: hook(checkUser),
    requireNode: hook(checkNode),
    requireAny: hook(() => {}),
    requireAdmin: hook(checkAdmin),
  };
}

function checkUser(principal: Principal, route: string): asserts principal is UserPrincipal {
  if (principal.kind !== "user") throw new AppError(CENTRAL_ERRORS.USER_ONLY, { route });
}

function checkNode(principal: Principal, route: string): void {
  if (principal.kind !== "node") throw new AppError(CENTRAL_ERRORS.NODE_ONLY, { route });
}

function checkAdmin(principal: Principal, route: string): void {
  checkUser(principal, route);
  if (principal.role !== "admin") throw new AppError(CENTRAL_ERRORS.ADMIN_ONLY, { route });
}

/** The user behind a route that requires one. */
export function userOf(request: FastifyRequest): UserPrincipal {
  const principal = principalOf(request);
  assert(principal.kind === "user", "the route requires a user");
  return principal;
}

/** Whoever is behind a route that requires somebody. */
export function principalOf(request: FastifyRequest): Principal {
  assert(request.principal !== null, "the route requires authentication");
  return request.principal;
}
