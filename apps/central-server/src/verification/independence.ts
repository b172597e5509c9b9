/** Who may check a job: nobody who has a part in it. */
import { PLATFORM_USER_ID } from "../accounts/platform-account.ts";
import type { NodeId, UserId } from "@cyxwiz/primitives";
import type { MarketTransaction } from "../database/transaction.ts";
import type { Database } from "../database/open-database.ts";
import type { JobRow } from "../jobs/job-state.ts";
import type { Verification } from "./rerun-task.ts";

/**
 * The payer, the owners of every node that was ever offered the job (it may know the hash of a checkpoint), and who answered
 * in this verification already. The platform may check what it pays for: nobody else knows a canary's answer.
 */
export async function involvedOwners(
  db: Database,
  { job, verificationId }: { readonly job: Pick<JobRow, "id" | "user_id">; readonly verificationId: string },
): Promise<ReadonlySet<UserId>> {
  const trainers = await db
    .selectFrom("assignments")
    .innerJoin("machines", "machines.id", "assignments.machine_id")
    .innerJoin("compute_units", "compute_units.id", "assignments.unit_id")
    // Both, because a machine may have another owner by now.
    .select(["machines.owner_id", "compute_units.owner_id as unit_owner_id"])
    .where("assignments.job_id", "=", job.id)
    .where("assignments.kind", "=", "TRAIN")
    .execute();
  const answered = await db
    .selectFrom("reruns")
    .select("owner_id")
    .where("verification_id", "=", verificationId)
    .where("outcome", "is not", null)
    .execute();
  const owners = [
    ...(isPlatform(job.user_id) ? [] : [job.user_id]),
    ...trainers.flatMap(({ owner_id, unit_owner_id }) => [owner_id, unit_owner_id]),
    ...answered.map(({ owner_id }) => owner_id),
  ];
  return new Set(owners as UserId[]);
}

function isPlatform(userId: string): boolean {
  return userId === (PLATFORM_USER_ID as string);
}

/** Whether a node's owner, as it is now, has no part in the job. */
export async function isIndependent(
  transaction: MarketTransaction,
  job: JobRow,
  { nodeId, verification }: { readonly nodeId: NodeId; readonly verification: Verification },
): Promise<boolean> {
  const { owner_id } = await transaction
    .selectFrom("machines")
    .select("owner_id")
    .where("id", "=", nodeId)
    .executeTakeFirstOrThrow();
  const involved = await involvedOwners(transaction, { job, verificationId: verification.row.id });
  return !involved.has(owner_id as UserId);
}
