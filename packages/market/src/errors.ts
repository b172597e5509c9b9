import type { ErrorSpec } from "@cyxwiz/primitives";

/** What the market refuses loudly. A refusal that a caller must expect (no unit fits, a transition) is data instead. */
export const MARKET_ERRORS: {
  readonly TRANSITION_REFUSED: ErrorSpec<{
    machine: string;
    state: string;
    event: string;
    allowed: readonly string[];
  }>;
  readonly IDEMPOTENCY_MISMATCH: ErrorSpec<{ key: string; first: string; second: string }>;
  readonly INSUFFICIENT_FUNDS: ErrorSpec<{ account: string; have: string; need: string }>;
  readonly ESCROW_NOT_FOUND: ErrorSpec<{ escrowId: string }>;
  readonly SETTLEMENT_MISMATCH: ErrorSpec<{ escrowId: string; locked: string; settled: string }>;
  readonly REFUND_TARGET_MISMATCH: ErrorSpec<{ escrowId: string; payer: string; to: string }>;
  readonly AMOUNT_NOT_POSITIVE: ErrorSpec<{ what: string; account: string }>;
  readonly TRANSACTION_EMPTY: ErrorSpec<{ key: string }>;
  readonly TRANSACTION_UNBALANCED: ErrorSpec<{ key: string; sum: string }>;
  readonly PAGE_OUT_OF_RANGE: ErrorSpec<{ field: string; value: string; allowed: string }>;
  readonly STEP_RANGE_OUT_OF_RANGE: ErrorSpec<{ from: number; to: number; totalSteps: number }>;
  readonly STEP_RANGE_OVERLAP: ErrorSpec<{ from: number; to: number; previousTo: number }>;
  readonly NEEDS_OUT_OF_RANGE: ErrorSpec<{ field: string; value: number; allowed: string }>;
  readonly SNAPSHOT_EXCEEDED: ErrorSpec<{ what: string; have: number; allowed: number }>;
  readonly REPUTATION_OUT_OF_RANGE: ErrorSpec<{ value: number; allowed: string }>;
} = {
  TRANSITION_REFUSED: {
    code: "market/transition-refused",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `${c.machine} in state ${c.state} takes no event "${c.event}": allowed ${c.allowed.length === 0 ? "is nothing, the state is final" : `are ${c.allowed.join(", ")}`}`,
  },
  IDEMPOTENCY_MISMATCH: {
    code: "market/idempotency-mismatch",
    rpc: "already-exists",
    retry: "never",
    message: (c) =>
      `the idempotency key "${c.key}" was first used for ${c.first} and now comes with ${c.second}: repeat the same command or take a new key`,
  },
  INSUFFICIENT_FUNDS: {
    code: "market/insufficient-funds",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `${c.account} has ${c.have} CYXWIZ and needs ${c.need}: add funds or lower the amount`,
  },
  ESCROW_NOT_FOUND: {
    code: "market/escrow-not-found",
    rpc: "not-found",
    retry: "never",
    message: (c) => `there is no escrow ${c.escrowId}: lock it before settling it`,
  },
  SETTLEMENT_MISMATCH: {
    code: "market/settlement-mismatch",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `the settlement of escrow ${c.escrowId} pays out ${c.settled} CYXWIZ, but ${c.locked} are locked: owners, platform and refund must add up to what is locked`,
  },
  REFUND_TARGET_MISMATCH: {
    code: "market/refund-target-mismatch",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `escrow ${c.escrowId} was paid by ${c.payer} and cannot be refunded to ${c.to}`,
  },
  AMOUNT_NOT_POSITIVE: {
    code: "market/amount-not-positive",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `${c.what} for ${c.account} moves 0 CYXWIZ: the amount must be above zero`,
  },
  TRANSACTION_EMPTY: {
    code: "market/transaction-empty",
    rpc: "internal",
    retry: "never",
    message: (c) => `the ledger transaction "${c.key}" moves nothing: it needs postings, none of them zero`,
  },
  TRANSACTION_UNBALANCED: {
    code: "market/transaction-unbalanced",
    rpc: "internal",
    retry: "never",
    message: (c) => `the postings of the ledger transaction "${c.key}" sum to ${c.sum} CYXWIZ instead of 0`,
  },
  PAGE_OUT_OF_RANGE: {
    code: "market/page-out-of-range",
    rpc: "out-of-range",
    retry: "never",
    message: (c) => `the page's ${c.field} is ${c.value}: allowed is ${c.allowed}`,
  },
  STEP_RANGE_OUT_OF_RANGE: {
    code: "market/step-range-out-of-range",
    rpc: "internal",
    retry: "never",
    message: (c) =>
      `the committed steps ${c.from} to ${c.to} are not a range inside the job's 0 to ${c.totalSteps} (from below to, whole numbers)`,
  },
  STEP_RANGE_OVERLAP: {
    code: "market/step-range-overlap",
    rpc: "internal",
    retry: "never",
    message: (c) =>
      `the committed steps ${c.from} to ${c.to} begin before step ${c.previousTo}, where the range before them ends: no step is paid twice`,
  },
  NEEDS_OUT_OF_RANGE: {
    code: "market/needs-out-of-range",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `the job's ${c.field} is ${c.value}: allowed is ${c.allowed}`,
  },
  SNAPSHOT_EXCEEDED: {
    code: "market/snapshot-exceeded",
    rpc: "resource-exhausted",
    retry: "never",
    message: (c) => `one plan takes at most ${c.allowed} ${c.what}, not ${c.have}: split the round`,
  },
  REPUTATION_OUT_OF_RANGE: {
    code: "market/reputation-out-of-range",
    rpc: "out-of-range",
    retry: "never",
    message: (c) => `the reputation ${c.value} is out of range: allowed is ${c.allowed}`,
  },
};
