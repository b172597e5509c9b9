import { parseQuoteId } from "@cyxwiz/primitives";
import { quoteRequestSchema, quoteSchema } from "@cyxwiz/protocol/rest";
import { z } from "zod";
import { userOf, type AuthenticatedHooks } from "../rest/authenticated.ts";
import type { RestApp } from "../rest/rest-app.ts";
import { QUOTE_BODY_BYTES } from "./limits.ts";
import { presentQuote } from "./present-quote.ts";
import type { QuoteService } from "./quote-service.ts";

/** REST of quotes: ask for one, read one of your own. */
export function registerQuoteRoutes(
  app: RestApp,
  { hooks, quotes }: { readonly hooks: AuthenticatedHooks; readonly quotes: QuoteService },
): void {
  app.post(
    "/api/quotes",
    {
      onRequest: hooks.requireUser,
      bodyLimit: QUOTE_BODY_BYTES,
      schema: {
        tags: ["quotes"],
        summary: "What a training job costs; binding for ten minutes",
        body: quoteRequestSchema,
        response: { 200: quoteSchema },
      },
    },
    async (request) => quotes.create(userOf(request).userId, request.body),
  );
  app.get(
    "/api/quotes/:id",
    {
      onRequest: hooks.requireUser,
      schema: {
        tags: ["quotes"],
        summary: "One of your quotes",
        params: z.object({ id: z.string() }),
        response: { 200: quoteSchema },
      },
    },
    async (request) => presentQuote(await quotes.find(parseQuoteId(request.params.id), userOf(request).userId)),
  );
}
