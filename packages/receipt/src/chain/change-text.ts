import { canonicalJson } from "../canonical/canonical-json.ts";
import type { ChangeEntry } from "./chain-entry.ts";

/** What the user asked for, before a node said at which step it took effect. */
export type ChangeRequest = Pick<ChangeEntry, "change_id" | "learning_rate" | "batch_size" | "stop">;

/**
 * The text that the server signs when it passes a user's change on. It names the job, so that the signature is worth
 * nothing in another one, and its format, so that it can never be read as a receipt. Pure.
 * @see SPEC CHN3.
 */
export function changeText(jobId: string, change: ChangeRequest): string {
  return canonicalJson({
    format: "cyxwiz-change",
    version: 1,
    job_id: jobId,
    change_id: change.change_id,
    learning_rate: change.learning_rate,
    batch_size: change.batch_size,
    stop: change.stop,
  });
}
