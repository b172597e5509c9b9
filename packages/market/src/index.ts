export { areRelated, askedTogether } from "./challenge/asked-together.ts";
export type { ChallengeCandidate } from "./challenge/asked-together.ts";
export { calibrate, effectiveSpeed, peakOf } from "./challenge/calibration.ts";
export type { Calibration, CurvePoint, SpeedClaim } from "./challenge/calibration.ts";
export {
  ANSWER_SECONDS,
  COMPANY_AFTER_MS,
  IDLE_MS,
  MAX_CHAIN_SIZE,
  MEAN_INTERVAL_MS,
  MISSES_ALLOWED,
} from "./challenge/limits.ts";
export { judgeChallenge, judgeSilence, outcomeCounts, unitEventAfter } from "./challenge/challenge-outcome.ts";
export type { ChallengeAnswer, ChallengeOutcome } from "./challenge/challenge-outcome.ts";
export { challengeText } from "./challenge/challenge-text.ts";
export type { ChallengeTask } from "./challenge/challenge-text.ts";
export { drawInterval, isDue, nextChallengeIn, registrationIsDue } from "./challenge/challenge-time.ts";
export { checkProduct } from "./challenge/check-product.ts";
export type { AnswerToCheck } from "./challenge/check-product.ts";
export { chainProduct, operationsOf } from "./challenge/matrix-chain.ts";
export type { ChallengeRound } from "./challenge/matrix-chain.ts";
export { planChallenge } from "./challenge/plan-challenge.ts";
export type { ChallengeClaim, ChallengePlan, PlanOptions } from "./challenge/plan-challenge.ts";
export { MARKET_ERRORS } from "./errors.ts";
export { escrowAccount, FAUCET_ACCOUNT, mayGoNegative, PLATFORM_ACCOUNT, userAccount } from "./ledger/account.ts";
export type { Account, EscrowId } from "./ledger/account.ts";
export {
  changes,
  checkFunds,
  checkTransaction,
  faucetTransaction,
  lockTransaction,
  rewardTransaction,
  settleTransaction,
  TRANSACTION_KINDS,
} from "./ledger/transaction.ts";
export type { EscrowDivision, LedgerTransaction, Posting, TransactionKind } from "./ledger/transaction.ts";
export {
  MAX_ALTERNATIVES,
  MAX_HISTORY_PAGE,
  MAX_PRIORITY,
  MAX_QUEUED_JOBS,
  MAX_RUNNERS_UP,
  MAX_SNAPSHOT_UNITS,
  MAX_UNFIT_LISTED,
} from "./limits.ts";
export {
  amountDue,
  CANCEL_REFUNDS,
  OUTCOMES,
  PLATFORM_DIVISOR,
  settlementOf,
  sharesByOwner,
  splitPlatform,
} from "./money/settlement.ts";
export type {
  CancelRefund,
  CommittedRange,
  Outcome,
  OwnerShare,
  PlatformSplit,
  Settlement,
  SettlementTerms,
} from "./money/settlement.ts";
export { PENALTY_CAUSES, penaltyFor } from "./penalty/penalty.ts";
export type { Penalty, PenaltyCause, PenaltyEvent } from "./penalty/penalty.ts";
export { defaultPricePerHour } from "./price/default-price.ts";
export type { PricedDevice } from "./price/default-price.ts";
export {
  costOn,
  FETCH_BYTES_PER_SECOND,
  MINIMUM_CHARGE,
  SLOWDOWN,
  STARTUP_SECONDS,
  timeBand,
} from "./price/estimate.ts";
export type { PricedUnit, TimeBand } from "./price/estimate.ts";
export { checkNeeds, DEVICE_TYPES } from "./price/job-needs.ts";
export type { DeviceType, JobNeeds } from "./price/job-needs.ts";
export { QUOTE_TTL_MS, quoteJob } from "./price/quote.ts";
export type { Quoted, QuoteRefused, UnfitUnit, UnitOffer } from "./price/quote.ts";
export { describeCommand } from "./rail/command-text.ts";
export { MemoryRail } from "./rail/memory-rail.ts";
export type {
  FaucetCommand,
  History,
  HistoryEntry,
  HistoryPage,
  LockCommand,
  PaymentRail,
  Receipt,
  RewardCommand,
  SettleCommand,
  StopSignal,
} from "./rail/payment-rail.ts";
export {
  REPUTATION_MAX,
  REPUTATION_START,
  reputationFromPercent,
  reputationFromUnit,
  reputationToPercent,
  reputationToUnit,
} from "./reputation/reputation.ts";
export { REPUTATION_CAUSES } from "./reputation/reputation-change.ts";
export type {
  AttemptEvidence,
  CanaryEvidence,
  JobEvidence,
  ReputationCause,
  ReputationChange,
} from "./reputation/reputation-change.ts";
export {
  counts,
  dayOf,
  isNewNode,
  MAX_RERUNS_COUNTED_PER_DAY,
  NEW_NODE_JOBS,
  scoreAfter,
} from "./reputation/reputation-rules.ts";
export type { CountingFacts } from "./reputation/reputation-rules.ts";
export { applyCause, countedSuccesses, INITIAL_REPUTATION, rebuildReputation } from "./reputation/reputation-state.ts";
export type { AppliedChange, ReputationState } from "./reputation/reputation-state.ts";
export { describeAdvice } from "./scheduler/advice.ts";
export type { Advice } from "./scheduler/advice.ts";
export { EXPLORATION_DIVISOR, isExplorationJob } from "./scheduler/exploration.ts";
export { explain } from "./scheduler/explain.ts";
export type { Explanation } from "./scheduler/explain.ts";
export { FILTER_CODES } from "./scheduler/filter.ts";
export type { FilterCode, FilterCount } from "./scheduler/filter.ts";
export type { Placement, Plan, RunnerUp } from "./scheduler/placement.ts";
export { plan, withPlacements } from "./scheduler/plan.ts";
export { orderQueue, PRIORITY_HEAD_START_MS, SUBMITTER_STEP_MS } from "./scheduler/queue-order.ts";
export { DEFAULT_WEIGHTS, scoreUnit, totalScore } from "./scheduler/score.ts";
export type { ScoreBreakdown, ScoreWeights } from "./scheduler/score.ts";
export { deviceKey } from "./scheduler/snapshot.ts";
export type { DeviceKey, QueuedJob, UnitSnapshot } from "./scheduler/snapshot.ts";
export {
  ASSIGNMENT_EVENTS,
  ASSIGNMENT_KINDS,
  ASSIGNMENT_STATES,
  assignmentMachine,
  LIVE_ASSIGNMENT_STATES,
} from "./state/assignment-state.ts";
export type { AssignmentEvent, AssignmentKind, AssignmentState } from "./state/assignment-state.ts";
export { ESCROW_EVENTS, ESCROW_STATES, escrowMachine } from "./state/escrow-state.ts";
export type { EscrowEvent, EscrowState } from "./state/escrow-state.ts";
export { FAILURE_CAUSES, JOB_EVENTS, JOB_STATES, jobMachine } from "./state/job-state.ts";
export type { FailureCause, JobEvent, JobState } from "./state/job-state.ts";
export { toMermaid } from "./state/mermaid.ts";
export { NODE_EVENTS, NODE_STATES, nodeMachine } from "./state/node-state.ts";
export type { NodeEvent, NodeState } from "./state/node-state.ts";
export { stateMachine } from "./state/transition-table.ts";
export type { MachineDefinition, StateMachine, Transition, TransitionTable } from "./state/transition-table.ts";
export { UNIT_EVENTS, UNIT_STATES, unitMachine } from "./state/unit-state.ts";
export type { UnitEvent, UnitState } from "./state/unit-state.ts";
export { chooseVerifier, RERUN_MODES } from "./verification/choose-verifier.ts";
export type { ChosenVerifier, RerunMode, VerifierDemand, VerifierUnit } from "./verification/choose-verifier.ts";
export { VERIFIER_DIVISOR, verifierPay } from "./verification/verifier-pay.ts";
export type { VerifierPayTerms } from "./verification/verifier-pay.ts";
