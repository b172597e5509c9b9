/** What an operator decides, validated. The file's keys are the documents' own; see README for each with its default. */
import type { LogLevel } from "@cyxwiz/platform";
import type { CancelRefund } from "@cyxwiz/market";

export interface CentralServerConfig {
  readonly server: {
    /** host:port; port 0 picks a free one. */
    readonly grpcAddress: string;
    readonly restAddress: string;
    /** Web origins that may call the REST API from a browser. */
    readonly allowedOrigins: readonly string[];
    /** Folder for keys and objects; the embedded database's folder when left out. */
    readonly dataFolder: string;
  };
  readonly database: { readonly url: string; readonly maxConnections: number };
  readonly redis: { readonly url: string | undefined };
  readonly blockchain: { readonly network: "ledger" };
  readonly scheduler: {
    readonly pollingIntervalMs: number;
    readonly maxJobsPerNode: number;
    readonly timeoutSeconds: number;
  };
  /** `secret` is undefined only with an embedded database, which keeps one of its own. */
  readonly jwt: { readonly secret: string | undefined; readonly p2pTokenExpirationSeconds: number };
  readonly payments: { readonly faucet: boolean; readonly cancelRefund: CancelRefund };
  readonly verification: {
    /** False: results are accepted as unverified. */
    readonly isEnabled: boolean;
    /** How long a verifier of the same class is waited for; as long again for any. */
    readonly waitMs: number;
    /**
     * Checkpoints that a job makes when its settings do not say. With 50, losing a node costs a fiftieth of the work, and so
     * does checking it, because what is run again is at least one interval.
     */
    readonly checkpoints: number;
    /** Part of the jobs, 0 to 1, that two owners have to agree on. */
    readonly auditedShare: number;
    /** Successes that counted, from which on a node's word decides; the platform's nodes need none. */
    readonly establishedSuccesses: number;
    /** Jobs of the platform with known answers that are sent to random nodes, on average. */
    readonly canariesPerDay: number;
  };
  readonly logging: { readonly level: LogLevel };
}
