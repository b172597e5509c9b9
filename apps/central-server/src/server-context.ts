/** What the composition root hands to the features: everything made once per server, as arguments. */
import type { Clock, Logger } from "@cyxwiz/platform";
import type { ServiceImplementation } from "@cyxwiz/protocol/server";
import type { Authenticator, TokenIssuer } from "./accounts/principal.ts";
import type { CentralServerConfig } from "./config/config.ts";
import type { Database } from "./database/open-database.ts";
import type { EscrowService } from "./payments/escrow-service.ts";
import type { LedgerRail } from "./payments/ledger-rail.ts";
import type { VerifierRewards } from "./payments/verifier-rewards.ts";
import type { MarketKey } from "./receipts/market-key.ts";
import type { AuthenticatedHooks } from "./rest/authenticated.ts";
import type { RestApp } from "./rest/rest-app.ts";

export interface ServerContext {
  readonly config: CentralServerConfig;
  readonly db: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). Not for secrets. */
  readonly random: () => number;
  /** Uniform in [0, 1), from a secure source: what nobody may foresee is drawn from it. */
  readonly secureRandom: () => number;
  readonly authenticator: Authenticator;
  readonly tokens: TokenIssuer;
  readonly hooks: AuthenticatedHooks;
  readonly rail: LedgerRail;
  readonly escrows: EscrowService;
  readonly rewards: VerifierRewards;
  /** Signs quotes, changes and receipts; stays the same over restarts. */
  readonly key: MarketKey;
  /** Where the server keeps files: objects, keys. */
  readonly dataFolder: string;
}

/** A group of features as the composition root drives it. */
export interface MarketFeatures {
  /** Registers REST routes; called once, before the port opens. */
  routes(app: RestApp): void;
  /** Handler sets of the RPC services, served over gRPC and, on the REST port, gRPC-Web and Connect. */
  readonly services: readonly ServiceImplementation[];
  /** Begins background work, before the ports open. */
  start(): Promise<void>;
  /** Ends background work and open streams; called after the ports stopped taking new calls. */
  stop(): Promise<void>;
}
