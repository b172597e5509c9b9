import type { Clock } from "@cyxwiz/platform";
import type { NodeToken } from "./central-link.ts";

/** A token this close to its end is not used for a new call: it could expire on the way. */
const MARGIN_MS = 30_000;

/** What the node shows the server: its short-lived token while one is good, else its API key. */
export class Credentials {
  readonly apiKey: string;
  readonly #clock: Clock;
  #token: NodeToken | undefined;

  constructor(apiKey: string, clock: Clock) {
    this.apiKey = apiKey;
    this.#clock = clock;
  }

  renew(token: NodeToken | undefined): void {
    this.#token = token ?? this.#token;
  }

  /** The token was refused: the API key decides. */
  dropToken(): void {
    this.#token = undefined;
  }

  current(): string {
    const isGood = this.#token !== undefined && this.#token.expiresAtMs - MARGIN_MS > this.#clock.now();
    return isGood && this.#token ? this.#token.token : this.apiKey;
  }
}
