/** What a verdict means for the nodes' records: who trained, who re-ran. */
import type { AssignmentId, NodeId } from "@cyxwiz/primitives";
import type { ChainEntry, Verdict } from "@cyxwiz/receipt";
import type { AssignmentRow } from "../assignments/assignment-state.ts";
import type { MarketTransaction } from "../database/transaction.ts";
import type { JobRow } from "../jobs/job-state.ts";
import { isOutvoted } from "../payments/verifier-rewards.ts";
import type { ReputationService } from "../reputation/reputation-service.ts";
import { canaryOf } from "./canary-answers.ts";
import { segmentsOf } from "./job-chain.ts";
import type { Verification } from "./rerun-task.ts";

export class RerunRecords {
  readonly #reputation: ReputationService;

  constructor(reputation: ReputationService) {
    this.#reputation = reputation;
  }

  /** A result was accepted without a check. */
  async noteUnchecked(
    transaction: MarketTransaction,
    job: JobRow,
    { chain, live }: { readonly chain: readonly ChainEntry[] | undefined; readonly live: AssignmentRow | undefined },
  ): Promise<void> {
    const trainers = segmentsOf(chain ?? []).map(({ entry }) => entry.node_id as NodeId);
    const nodeIds = [...new Set([...trainers, ...(live ? [live.machine_id as NodeId] : [])])];
    await this.#reputation.jobCompleted(transaction, job, { nodeIds, verdict: "unverified" });
  }

  async noteVerdict(
    transaction: MarketTransaction,
    job: JobRow,
    { verification, verdict }: { readonly verification: Verification; readonly verdict: Verdict },
  ): Promise<void> {
    const { row, chain, ending } = verification;
    const answered = await transaction
      .selectFrom("reruns")
      .select(["assignment_id", "machine_id", "outcome"])
      .where("verification_id", "=", row.id)
      .where("outcome", "is not", null)
      .orderBy("reported_at")
      .execute();
    for (const rerun of verdict === "unverified" ? [] : answered) {
      await this.#reputation.rerunJudged(transaction, job, {
        nodeId: rerun.machine_id as NodeId,
        assignmentId: rerun.assignment_id as AssignmentId,
        isOutvoted: isOutvoted(rerun.outcome, verdict),
      });
    }
    if (ending.kind === "completed" && verdict !== "unverified") await this.#noteCanary(transaction, job, chain);
    if (verdict === "refused" || ending.kind !== "completed") return;
    const nodeIds = [...new Set(segmentsOf(chain).map(({ entry }) => entry.node_id as NodeId))];
    await this.#reputation.jobCompleted(transaction, job, { nodeIds, verdict });
  }

  /** A job whose answer was known: the node gave it, or another. */
  async #noteCanary(transaction: MarketTransaction, job: JobRow, chain: readonly ChainEntry[]): Promise<void> {
    const canary = await canaryOf(transaction, job, chain);
    const trainer = segmentsOf(chain)[0]?.entry.node_id as NodeId | undefined;
    if (canary && trainer) await this.#reputation.canaryAnswered(transaction, job, { nodeId: trainer, canary });
  }
}
