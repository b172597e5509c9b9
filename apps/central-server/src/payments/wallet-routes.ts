/** /api/wallet: for users only; a node's token opens none of it. */
import { AppError, parseAmount } from "@cyxwiz/primitives";
import { faucetRequestSchema, walletHistorySchema, walletSchema } from "@cyxwiz/protocol/rest";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { CENTRAL_ERRORS } from "../errors.ts";
import { DEFAULT_WALLET_PAGE, IDEMPOTENCY_KEY_CHARS, MAX_WALLET_PAGE } from "../limits.ts";
import { userOf, type AuthenticatedHooks } from "../rest/authenticated.ts";
import type { RestApp } from "../rest/rest-app.ts";
import { giveTestTokens, type FaucetOptions } from "./faucet.ts";
import { readHistory, readWallet } from "./wallet-statement.ts";

const historyQuerySchema = z.object({
  cursor: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(MAX_WALLET_PAGE).default(DEFAULT_WALLET_PAGE),
});

export function registerWalletRoutes(
  app: RestApp,
  options: FaucetOptions & { readonly hooks: AuthenticatedHooks },
): void {
  const { db, hooks } = options;
  const shared = { tags: ["wallet"], security: [{ bearer: [] }] };
  app.get(
    "/api/wallet",
    {
      onRequest: hooks.requireUser,
      schema: { ...shared, summary: "Balance, locked and earned", response: { 200: walletSchema } },
    },
    async (request) => readWallet(db, userOf(request).userId),
  );
  app.get(
    "/api/wallet/history",
    {
      onRequest: hooks.requireUser,
      schema: {
        ...shared,
        summary: "Movements, newest first",
        querystring: historyQuerySchema,
        response: { 200: walletHistorySchema },
      },
    },
    async (request) => readHistory(db, userOf(request).userId, request.query),
  );
  app.post(
    "/api/wallet/faucet",
    {
      onRequest: hooks.requireUser,
      schema: {
        ...shared,
        summary: "Take test tokens; needs an Idempotency-Key header",
        body: faucetRequestSchema,
        response: { 200: walletSchema },
      },
    },
    async (request) => {
      const { userId } = userOf(request);
      const gift = { to: userId, amount: parseAmount(request.body.amount), key: idempotencyKeyOf(request) };
      await giveTestTokens(options, gift);
      return readWallet(db, userId);
    },
  );
}

/** The caller's name for this very command. @throws AppError `central/header-malformed` when missing or odd. */
function idempotencyKeyOf(request: FastifyRequest): string {
  const key = [request.headers["idempotency-key"]].flat()[0] ?? "";
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= IDEMPOTENCY_KEY_CHARS) return key;
  throw new AppError(CENTRAL_ERRORS.HEADER_MALFORMED, {
    header: "Idempotency-Key",
    value: key.slice(0, 40),
    allowed: `1 to ${IDEMPOTENCY_KEY_CHARS} visible ASCII characters, new for each command, like a UUID`,
  });
}
