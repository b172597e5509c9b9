export { AppError, errorMessage, isAppError, isError } from "./error/app-error.ts";
export type { ErrorSpec, RetryClass, RpcStatus } from "./error/app-error.ts";
export { assert, AssertionError, defined, unreachable } from "./error/assert.ts";
export { PRIMITIVES_ERRORS } from "./errors.ts";
export type { Brand } from "./id/brand.ts";
export {
  isUuid,
  parseAssignmentId,
  parseCid,
  parseJobId,
  parseNodeId,
  parseQuoteId,
  parseUnitId,
  parseUserId,
} from "./id/ids.ts";
export type { AssignmentId, Cid, JobId, NodeId, QuoteId, UnitId, UserId } from "./id/ids.ts";
export {
  addAmounts,
  amount,
  amountFromNumber,
  DECIMALS,
  formatAmount,
  formatUnits,
  MAX_AMOUNT,
  parseAmount,
  scaleAmount,
  subtractAmounts,
  toDisplayNumber,
  UNITS_PER_TOKEN,
  ZERO,
} from "./money/money.ts";
export type { Amount } from "./money/money.ts";
export { permutation, philox4x32, PhiloxStream, STREAM } from "./random/philox.ts";
export type { Block, Stream } from "./random/philox.ts";
export { printable } from "./text/printable.ts";
