/** /api/auth and /api/users: the account API that Engine, Server Node and website share. */
import { loginRequestSchema, registerRequestSchema, sessionSchema, userSchema } from "@cyxwiz/protocol/rest";
import { userOf, type AuthenticatedHooks } from "../rest/authenticated.ts";
import type { RestApp } from "../rest/rest-app.ts";
import type { AccountService } from "./account-service.ts";

export function registerAccountRoutes(app: RestApp, accounts: AccountService, hooks: AuthenticatedHooks): void {
  const tags = ["accounts"];
  app.post(
    "/api/auth/register",
    {
      schema: {
        tags,
        summary: "Make an account and log in",
        body: registerRequestSchema,
        response: { 201: sessionSchema },
      },
    },
    async (request, reply) => reply.code(201).send(await accounts.register(request.body)),
  );
  app.post(
    "/api/auth/login",
    {
      schema: {
        tags,
        summary: "Log in by e-mail or username",
        body: loginRequestSchema,
        response: { 200: sessionSchema },
      },
    },
    async (request) => accounts.login(request.body),
  );
  // The Engine asks the one, the documents name the other.
  for (const path of ["/api/auth/me", "/api/users/me"]) {
    app.get(
      path,
      {
        onRequest: hooks.requireUser,
        schema: {
          tags,
          summary: "The account of the token",
          security: [{ bearer: [] }],
          response: { 200: userSchema },
        },
      },
      async (request) => accounts.user(userOf(request).userId),
    );
  }
}
