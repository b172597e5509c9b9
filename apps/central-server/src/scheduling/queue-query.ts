/** The queue as the scheduler sees it: escrowed jobs with what they need. */
import { amount, type JobId, type NodeId, type UserId } from "@cyxwiz/primitives";
import type { QueuedJob } from "@cyxwiz/market";
import type { Database } from "../database/open-database.ts";
import { meetsRequirements } from "../quotes/quote-service.ts";
import type { QuotedCost, Requirements } from "../quotes/quote-record.ts";
import type { FleetUnit } from "./fleet-query.ts";
import { JOBS_PER_PASS } from "./limits.ts";

/**
 * Reads the waiting jobs, oldest first.
 *
 * Nodes that the user's own wishes leave out (a node by name, a least reputation) count as banned for the job.
 */
export async function readQueue(
  db: Database,
  fleet: readonly FleetUnit[],
  only?: readonly JobId[],
): Promise<readonly QueuedJob[]> {
  let query = db
    .selectFrom("jobs")
    .innerJoin("quotes", "quotes.id", "jobs.quote_id")
    .select([
      "jobs.id",
      "jobs.user_id",
      "jobs.banned_machines",
      "jobs.banned_owners",
      "jobs.created_at",
      "jobs.priority",
      "quotes.amount",
      "quotes.cost",
      "quotes.requirements",
    ])
    .where("jobs.state", "=", "ESCROWED");
  if (only) query = query.where("jobs.id", "in", [...only]);
  const rows = await query.orderBy("jobs.created_at").orderBy("jobs.id").limit(JOBS_PER_PASS).execute();
  return rows.map((row) => ({
    jobId: row.id as JobId,
    submitter: row.user_id as UserId,
    needs: (row.cost as QuotedCost).needs,
    quoted: amount(row.amount),
    bannedNodes: [
      ...(row.banned_machines as NodeId[]),
      ...ownedBy(fleet, row.banned_owners as UserId[]),
      ...unwished(fleet, row.requirements as Requirements),
    ],
    submittedAt: row.created_at.getTime(),
    priority: row.priority,
  }));
}

/** Read here and not when the job is given back: a banned owner's later machines are banned too. */
function ownedBy(fleet: readonly FleetUnit[], owners: readonly UserId[]): readonly NodeId[] {
  if (owners.length === 0) return [];
  return [...new Set(fleet.filter((unit) => owners.includes(unit.ownerId)).map((unit) => unit.nodeId))];
}

function unwished(fleet: readonly FleetUnit[], requirements: Requirements): readonly NodeId[] {
  if (requirements.node_id === undefined && requirements.min_reputation === undefined) return [];
  return [...new Set(fleet.filter((unit) => !meetsRequirements(unit, requirements)).map((unit) => unit.nodeId))];
}
