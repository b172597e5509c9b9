import type { NodeId, UserId } from "@cyxwiz/primitives";

/** Who is calling, as their token proves. A node's token opens no money route. */
export type Principal =
  | { readonly kind: "user"; readonly userId: UserId; readonly role: "user" | "admin" }
  | { readonly kind: "node"; readonly nodeId: NodeId; readonly ownerId: UserId };

export interface Authenticator {
  /**
   * Reads an `authorization: Bearer …` value: a user token (JWT, 24 h), a node token (JWT, scope `node`, 5 min) or a
   * node's API key.
   * @throws AppError `central/unauthenticated` when it is missing, malformed, expired or wrong, and says which.
   */
  authenticate(authorization: string | undefined): Promise<Principal>;
}

export interface TokenIssuer {
  issueUserToken(user: {
    userId: UserId;
    email: string;
    role: "user" | "admin";
  }): Promise<{ token: string; expiresAt: Date }>;
  issueNodeToken(node: { nodeId: NodeId; ownerId: UserId }): Promise<{ token: string; expiresAt: Date }>;
}
