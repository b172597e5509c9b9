/**
 * Tokens of users and nodes: JWT, HS256, one secret, told apart by `scope`.
 *
 * Claims of a user's token as existing clients know them: sub, email, iss, iat, exp; ours adds role. A node's token has
 * scope `node`, sub = the node and owner = whose it is; whoever checks the scope lets it open no money route.
 */
import type { NodeId, UserId } from "@cyxwiz/primitives";
import type { Clock } from "@cyxwiz/platform";
import { SignJWT, type JWTPayload } from "jose";
import { NODE_TOKEN_MS, USER_TOKEN_MS } from "../limits.ts";
import type { TokenIssuer } from "./principal.ts";

export const TOKEN_ISSUER = "CyxWiz-Central-Server";
export const NODE_SCOPE = "node";

export function createTokenIssuer(secret: Uint8Array, clock: Clock): TokenIssuer {
  const sign = async (subject: UserId | NodeId, claims: JWTPayload, lifeMs: number): Promise<IssuedToken> => {
    // JWT times are whole seconds: the answer says what the token holds.
    const issuedAt = Math.floor(clock.now() / 1_000);
    const expiresAt = issuedAt + lifeMs / 1_000;
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setSubject(subject)
      .setIssuer(TOKEN_ISSUER)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(secret);
    return { token, expiresAt: new Date(expiresAt * 1_000) };
  };
  return {
    issueUserToken: async ({ userId, email, role }) => sign(userId, { email, role }, USER_TOKEN_MS),
    issueNodeToken: async ({ nodeId, ownerId }) => sign(nodeId, { scope: NODE_SCOPE, owner: ownerId }, NODE_TOKEN_MS),
  };
}

interface IssuedToken {
  readonly token: string;
  readonly expiresAt: Date;
}
