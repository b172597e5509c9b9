export { canonicalJson } from "./canonical/canonical-json.ts";
export { CHAIN_START, chainRoot, extendChain } from "./chain/chain.ts";
export type { Sha256 } from "./chain/chain.ts";
export type {
  ChainEntry,
  ChangeEntry,
  CheckpointEntry,
  ResultEntry,
  RunEntry,
  SegmentEntry,
} from "./chain/chain-entry.ts";
export { checkChain, committedStep } from "./chain/check-chain.ts";
export { changeText } from "./chain/change-text.ts";
export type { ChangeRequest } from "./chain/change-text.ts";
export { RECEIPT_ERRORS } from "./errors.ts";
export { MAX_CHAIN_ENTRIES, MAX_RERUNS, PLAUSIBLE_DISTANCE } from "./limits.ts";
export { drawInterval } from "./interval/draw-interval.ts";
export type { DrawOptions } from "./interval/draw-interval.ts";
export type { Interval } from "./interval/interval.ts";
export { checkReceipt } from "./receipt/check-receipt.ts";
export type { ReceiptCheck, VerifySignature } from "./receipt/check-receipt.ts";
export { parseReceipt } from "./receipt/parse-receipt.ts";
export { signReceipt } from "./receipt/sign-receipt.ts";
export type { ReceiptSigner } from "./receipt/sign-receipt.ts";
export type { ReceiptArtifact, ReceiptBody, ReceiptKey, ReceiptRerun, SignedReceipt } from "./receipt/receipt.ts";
export { isPositive, judge, judgeWithout } from "./verdict/judge.ts";
export type { JudgedRerun, Judgement, JudgeOptions } from "./verdict/judge.ts";
export { mismatches, MISMATCHES, outcomeOf } from "./verdict/outcome.ts";
export type { ClaimedFailure, Comparison, Mismatch, RerunAnswer, RerunClaim } from "./verdict/outcome.ts";
export { RERUN_OUTCOMES, VERDICTS } from "./verdict/verdict.ts";
export type { RerunOutcome, Verdict } from "./verdict/verdict.ts";
