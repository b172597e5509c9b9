/**
 * Tokens whose signature was verified a moment ago, so that a node's next heartbeat does not pay for it again.
 *
 * It saves the signature and nothing else: a token is believed until its own `exp` and never longer, and one that was
 * refused is never in here. Nothing revokes a token of this server before `exp`, so there is nothing to be told of. What
 * is kept is each token's SHA-256, which opens no door and has one size however long the token is.
 */
import { hash } from "node:crypto";
import type { Clock } from "@cyxwiz/platform";
import { BELIEVED_TOKENS } from "../limits.ts";
import type { Principal } from "./principal.ts";

interface Believed {
  readonly principal: Principal;
  /** Milliseconds since 1970: from here on the token is refused. */
  readonly expiresAt: number;
}

export class BelievedTokens {
  readonly #clock: Clock;
  readonly #byHash = new Map<string, Believed>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whom the token speaks for, if it was verified before and has not expired. */
  find(token: string): Principal | undefined {
    const key = keyOf(token);
    const believed = this.#byHash.get(key);
    if (!believed) return undefined;
    if (believed.expiresAt > this.#clock.now()) return believed.principal;
    this.#byHash.delete(key);
    return undefined;
  }

  /** Notes a token that was verified just now; the one noted first makes room when there are too many. */
  note(token: string, principal: Principal, expiresAt: number): void {
    const key = keyOf(token);
    this.#byHash.delete(key);
    this.#byHash.set(key, { principal, expiresAt });
    if (this.#byHash.size <= BELIEVED_TOKENS) return;
    for (const oldest of this.#byHash.keys()) {
      this.#byHash.delete(oldest);
      return;
    }
  }
}

function keyOf(token: string): string {
  return hash("sha256", token, "base64url");
}
