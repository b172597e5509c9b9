/**
 * The receipt of a job: what was computed, by whom, how it was checked, and who was paid. JSON as it is shown and signed.
 *
 * Amounts are decimal strings in CYXWIZ, as "12.500000000". It names nodes and no persons.
 */
import type { ChainEntry } from "../chain/chain-entry.ts";
import type { Interval } from "../interval/interval.ts";
import type { RerunOutcome, Verdict } from "../verdict/verdict.ts";

export interface ReceiptBody {
  readonly format: "cyxwiz-receipt";
  readonly version: 1;
  /** The market that issued it, like `ledger-3f9a0c21`. */
  readonly network: string;
  readonly job_id: string;
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly issued_at: string;
  readonly outcome: "completed" | "cancelled" | "failed-by-job";
  readonly chain: readonly ChainEntry[];
  /** Head of the chain after its last entry. */
  readonly root: string;
  readonly result: {
    readonly onnx: ReceiptArtifact | null;
    readonly weights: ReceiptArtifact | null;
  };
  readonly verification: {
    readonly verdict: Verdict;
    /** null where nothing was drawn. */
    readonly interval: Interval | null;
    readonly reruns: readonly ReceiptRerun[];
    /** What of the platform's part went to those who re-ran. */
    readonly paid: string;
  };
  readonly payment: {
    readonly rail: "ledger" | "solana";
    /** The tokens of the ledger rail are test tokens. */
    readonly simulated: boolean;
    readonly quoted: string;
    readonly due: string;
    readonly owners: readonly { readonly node_id: string; readonly unit_id: string; readonly amount: string }[];
    /** Before verifiers are paid from it. */
    readonly platform: string;
    readonly refunded: string;
  };
}

export interface ReceiptArtifact {
  readonly cid: string;
  readonly sha256: string;
  readonly size_bytes: number;
}

export interface ReceiptRerun {
  readonly node_id: string;
  /** Whether the platform owns the node. */
  readonly is_platform: boolean;
  readonly lowering: string;
  readonly build: string;
  readonly hardware_class: string;
  readonly outcome: RerunOutcome;
  /** Only across classes: distance of the two ends ÷ the interval's update. */
  readonly distance: number | null;
  readonly paid: string;
}

export interface SignedReceipt {
  readonly receipt: ReceiptBody;
  readonly signature: {
    readonly algorithm: "ed25519";
    /** First 16 hex digits of the SHA-256 of the public key's SPKI DER. */
    readonly key_id: string;
    /** Over the canonical JSON of `receipt`, base64url. */
    readonly value: string;
  };
}

/** A server's public key as it publishes it. */
export interface ReceiptKey {
  readonly key_id: string;
  readonly network: string;
  readonly algorithm: "ed25519";
  /** SPKI, PEM. */
  readonly public_key: string;
}
