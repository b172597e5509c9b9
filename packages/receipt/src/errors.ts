import type { ErrorSpec } from "@cyxwiz/primitives";

/** What is wrong with a chain or a receipt, always with the place. Entries of a chain count from 0. */
export const RECEIPT_ERRORS: {
  readonly NOT_CANONICAL: ErrorSpec<{ where: string; found: string; allowed: string }>;
  readonly HEAD_MALFORMED: ErrorSpec<{ value: string }>;
  readonly CHAIN_MALFORMED: ErrorSpec<{ entry: number; found: string; allowed: string }>;
  readonly CHAIN_GAP: ErrorSpec<{ entry: number; from: number; to: number; allowed: number }>;
  readonly CHAIN_EXCEEDED: ErrorSpec<{ have: number; allowed: number }>;
  readonly MALFORMED: ErrorSpec<{ where: string; found: string; allowed: string }>;
  readonly NETWORK_MISMATCH: ErrorSpec<{ what: string; network: string; expected: string }>;
  readonly KEY_UNKNOWN: ErrorSpec<{ keyId: string; known: readonly string[] }>;
  readonly SIGNATURE_MISMATCH: ErrorSpec<{ what: string; keyId: string }>;
  readonly CHAIN_MISMATCH: ErrorSpec<{ what: string; claimed: string; chain: string }>;
  readonly VERDICT_MISMATCH: ErrorSpec<{ verdict: string; found: string; allowed: string }>;
  readonly SUM_MISMATCH: ErrorSpec<{ what: string; claimed: string; allowed: string }>;
} = {
  NOT_CANONICAL: {
    code: "receipt/not-canonical",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `${c.where} is ${c.found} and has no canonical JSON: allowed is ${c.allowed}`,
  },
  HEAD_MALFORMED: {
    code: "receipt/head-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `"${c.value}" is not the head of a chain: expected 64 lower-case hexadecimal digits`,
  },
  CHAIN_MALFORMED: {
    code: "receipt/chain-malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `entry ${c.entry} of the chain is ${c.found}: allowed here is ${c.allowed}`,
  },
  CHAIN_GAP: {
    code: "receipt/chain-gap",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) =>
      `entry ${c.entry} of the chain is at step ${c.to} and the last checkpoint before it at step ${c.from}: at most ${c.allowed} steps may lie between, so checkpoints are missing`,
  },
  CHAIN_EXCEEDED: {
    code: "receipt/chain-exceeded",
    rpc: "resource-exhausted",
    retry: "never",
    message: (c) => `the chain has ${c.have} entries: allowed are ${c.allowed}; write checkpoints less often`,
  },
  MALFORMED: {
    code: "receipt/malformed",
    rpc: "invalid-argument",
    retry: "never",
    message: (c) => `${c.where} is ${c.found}: expected ${c.allowed}`,
  },
  NETWORK_MISMATCH: {
    code: "receipt/network-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `${c.what} is of the network "${c.network}" and not of "${c.expected}": ask the market that issued it`,
  },
  KEY_UNKNOWN: {
    code: "receipt/key-unknown",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the receipt is signed with the key ${c.keyId}, and known ${c.known.length === 0 ? "is none" : `are ${c.known.join(", ")}`}: fetch the keys of the market that issued it`,
  },
  SIGNATURE_MISMATCH: {
    code: "receipt/signature-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) =>
      `the signature of ${c.what} was not made by the key ${c.keyId} over what is there: something was changed`,
  },
  CHAIN_MISMATCH: {
    code: "receipt/chain-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the receipt's ${c.what} is ${c.claimed}, but the chain says ${c.chain}`,
  },
  VERDICT_MISMATCH: {
    code: "receipt/verdict-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the verdict "${c.verdict}" does not follow from ${c.found}: it needs ${c.allowed}`,
  },
  SUM_MISMATCH: {
    code: "receipt/sum-mismatch",
    rpc: "failed-precondition",
    retry: "never",
    message: (c) => `the receipt's ${c.what} is ${c.claimed} CYXWIZ: the other amounts allow ${c.allowed}`,
  },
};
