/** REST of receipts: a job's own for its user, the keys for everybody. */
import { parseJobId } from "@cyxwiz/primitives";
import { receiptKeysSchema, signedReceiptSchema } from "@cyxwiz/protocol/rest";
import { z } from "zod";
import { userOf, type AuthenticatedHooks } from "../rest/authenticated.ts";
import type { RestApp } from "../rest/rest-app.ts";
import type { ReceiptService } from "./receipt-service.ts";

export interface ReceiptRouteOptions {
  readonly hooks: AuthenticatedHooks;
  readonly receipts: ReceiptService;
}

export function registerReceiptRoutes(app: RestApp, { hooks, receipts }: ReceiptRouteOptions): void {
  app.get(
    "/api/jobs/:id/receipt",
    {
      onRequest: hooks.requireUser,
      schema: {
        tags: ["receipts"],
        summary: "What was computed, by whom, how it was checked, and who was paid; signed",
        params: z.object({ id: z.string() }),
        response: { 200: signedReceiptSchema },
      },
    },
    async (request) => receipts.find(parseJobId(request.params.id), userOf(request).userId),
  );
  app.get(
    "/api/receipts/keys",
    {
      schema: {
        tags: ["receipts"],
        summary: "The keys that this market signs with; nothing else is needed to check a receipt",
        response: { 200: receiptKeysSchema },
      },
    },
    async () => {
      const { network, keys } = await receipts.keys();
      return { network, keys: [...keys] };
    },
  );
}
