/**
 * Reads bearer credentials: a user's or node's token, or a node's API key.
 *
 * A token is believed only when it is HS256 under our secret, unexpired and complete; which other algorithm its header
 * names never matters. Its signature is computed once and then believed until it expires. An API key is looked up by its
 * SHA-256 at every call, so that one that was rotated ends at once. Every refusal says what is wrong with the credential
 * itself, never with the account behind it.
 */
import { timingSafeEqual } from "node:crypto";
import { AppError, parseNodeId, parseUserId, type NodeId, type UserId } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import { errors, jwtVerify, type JWTPayload } from "jose";
import { z } from "zod";
import type { Database } from "../database/open-database.ts";
import { CENTRAL_ERRORS } from "../errors.ts";
import { AUTHORIZATION_CHARS } from "../limits.ts";
import { hashNodeKey } from "../machines/node-key.ts";
import { BelievedTokens } from "./believed-tokens.ts";
import type { Authenticator, Principal } from "./principal.ts";
import { NODE_SCOPE, TOKEN_ISSUER } from "./token-issuer.ts";

export interface AuthenticatorOptions {
  readonly db: Database;
  readonly secret: Uint8Array;
  readonly clock: Clock;
}

const userClaims = z.object({
  sub: z.uuid(),
  scope: z.never().optional(),
  role: z.enum(["user", "admin"]).default("user"),
  // Tokens of the same secret made elsewhere may leave the issuer out; one that names another is not for us.
  iss: z.literal(TOKEN_ISSUER).optional(),
});
const nodeClaims = z.object({
  sub: z.uuid(),
  scope: z.literal(NODE_SCOPE),
  owner: z.uuid(),
  iss: z.literal(TOKEN_ISSUER),
});
/** `requiredClaims` below has jose refuse a token that never expires. */
type ExpiringClaims = JWTPayload & { readonly exp: number };
const JWT_FORM = /^[\w-]+\.[\w-]+\.[\w-]*$/;

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const believed = new BelievedTokens(options.clock);
  return {
    authenticate: async (authorization) => {
      const credential = bearerOf(authorization);
      if (!JWT_FORM.test(credential)) return readApiKey(credential, options.db);
      const known = believed.find(credential);
      if (known) return known;
      const claims = await verifiedClaims(credential, options);
      const principal = principalOf(claims);
      believed.note(credential, principal, claims.exp * 1_000);
      return principal;
    },
  };
}

function bearerOf(authorization: string | undefined): string {
  if (authorization === undefined || authorization === "")
    throw refused("missing", "send authorization: Bearer <token>");
  const credential = /^bearer +(\S+)$/i.exec(authorization.slice(0, AUTHORIZATION_CHARS))?.[1];
  if (credential === undefined) throw refused("malformed", "the header's form is authorization: Bearer <token>");
  return credential;
}

function principalOf(claims: JWTPayload): Principal {
  const node = nodeClaims.safeParse(claims);
  if (node.success) {
    return { kind: "node", nodeId: parseNodeId(node.data.sub), ownerId: parseUserId(node.data.owner) };
  }
  const user = userClaims.safeParse(claims);
  if (user.success) return { kind: "user", userId: parseUserId(user.data.sub), role: user.data.role };
  throw refused("not one of this server's", "log in here and send the token of the answer");
}

async function verifiedClaims(token: string, options: AuthenticatorOptions): Promise<ExpiringClaims> {
  try {
    const verified = await jwtVerify<ExpiringClaims>(token, options.secret, {
      algorithms: ["HS256"],
      requiredClaims: ["sub", "exp", "iat"],
      currentDate: new Date(options.clock.now()),
    });
    return verified.payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw refused("expired", "log in again, or ask for a new node token");
    throw refused("wrong", "it was not signed by this server: log in here and send the token of the answer");
  }
}

async function readApiKey(key: string, db: Database): Promise<Principal> {
  const hash = hashNodeKey(key);
  const machine = await db
    .selectFrom("machines")
    .select(["id", "owner_id", "api_key_hash"])
    .where("api_key_hash", "=", hash)
    .executeTakeFirst();
  if (machine === undefined || !timingSafeEqual(machine.api_key_hash, hash)) {
    throw refused("unknown", "send a user's token, a node's token or a node's API key of this server");
  }
  return { kind: "node", nodeId: machine.id as NodeId, ownerId: machine.owner_id as UserId };
}

function refused(why: string, fix: string): AppError {
  return new AppError(CENTRAL_ERRORS.UNAUTHENTICATED, { why, fix });
}
