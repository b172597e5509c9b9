import type { JobState } from "@cyxwiz/market";
import { unreachable } from "@cyxwiz/primitives";
import { StatusCode } from "../gen/cyxwiz/protocol/common_pb.ts";

/**
 * The status that deployed clients know for a job's state. SUCCESS ends an Engine's poller, so a job is only SUCCESS
 * once its money is settled, and never COMPLETED, which the poller does not know.
 */
export function toWireJobStatus(state: JobState, isSettled: boolean): StatusCode {
  switch (state) {
    case "CREATED":
    case "QUEUED":
    case "ESCROWED":
      return StatusCode.STATUS_PENDING;
    case "ASSIGNED":
    case "RUNNING":
    case "VERIFYING":
      return StatusCode.STATUS_IN_PROGRESS;
    case "COMPLETED":
      return isSettled ? StatusCode.STATUS_SUCCESS : StatusCode.STATUS_IN_PROGRESS;
    case "FAILED":
      return StatusCode.STATUS_FAILED;
    case "CANCELLED":
      return StatusCode.STATUS_CANCELLED;
    default:
      return unreachable(state);
  }
}

/** What a node's report says about the work. */
export type ReportedOutcome = "pending" | "running" | "succeeded" | "failed" | "cancelled";

/** Reads the status that a node sent; undefined when it says nothing (0, or a number that we do not know). */
export function fromWireReport(status: StatusCode): ReportedOutcome | undefined {
  switch (status) {
    case StatusCode.STATUS_PENDING:
      return "pending";
    case StatusCode.STATUS_IN_PROGRESS:
      return "running";
    case StatusCode.STATUS_SUCCESS:
    case StatusCode.STATUS_COMPLETED:
      return "succeeded";
    case StatusCode.STATUS_FAILED:
    case StatusCode.STATUS_ERROR:
      return "failed";
    case StatusCode.STATUS_CANCELLED:
      return "cancelled";
    case StatusCode.STATUS_UNKNOWN:
    default:
      return undefined;
  }
}
